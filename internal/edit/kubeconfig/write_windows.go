package kubeconfig

import (
	"io/fs"
	"os"
)

// home is client-go's homedir.HomeDir.
func home() string {
	drive := ""
	if d, p := os.Getenv("HOMEDRIVE"), os.Getenv("HOMEPATH"); d != "" && p != "" {
		drive = d + p
	}
	return windowsHome(os.Getenv("HOME"), os.Getenv("USERPROFILE"), drive)
}

func isReadOnly(error) bool    { return false }
func links(fs.FileInfo) uint64 { return 1 }

// tryLock does nothing: what a killed process leaves stays, as kubectl's does.
func tryLock(*os.File) bool { return false }

// remove removes a lock file that is ours. Windows removes none that is open.
func remove(name string, f *os.File) error {
	_ = f.Close()
	return os.Remove(name)
}
