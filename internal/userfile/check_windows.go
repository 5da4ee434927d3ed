package userfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/internal/answers"
)

func open(path string) (*os.File, error) { return os.Open(path) }

// OpenLog opens a log file to append to.
func OpenLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// Windows file modes say nothing about access; the access list of the file's
// directory is the user's own affair.
func checkNotWritable(*os.File, os.FileInfo) error { return nil }
func checkOwn(*os.File, os.FileInfo) error         { return nil }
func checkNotReadable(*os.File, os.FileInfo) error { return nil }

// What others must not be allowed to do to a file of the system's, and to its
// directory. In %ProgramData% everybody may make new files and directories; what
// they make is theirs, and refused for that. They must not be able to put one in
// the place of another.
const (
	fileDeleteChild = 0x40
	replaceRights   = windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_ALL |
		windows.GENERIC_WRITE
	fileRights = replaceRights | windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA
	dirRights  = replaceRights | fileDeleteChild
)

func checkSystemFile(f *os.File, _ os.FileInfo) error {
	sd, err := windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return &os.PathError{Op: "read the access list", Path: f.Name(), Err: err}
	}
	return checkSystem(f.Name(), sd, fileRights)
}

func checkSystemDir(path string) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return &os.PathError{Op: "read the access list", Path: path, Err: err}
	}
	return checkSystem(path, sd, dirRights)
}

// checkSystem refuses what does not belong to the administrators or the system,
// and what others have one of these rights to.
func checkSystem(path string, sd *windows.SECURITY_DESCRIPTOR, rights windows.ACCESS_MASK) error {
	const who = "ask the administrator of this machine: it must be the administrators', and only they may write to it"
	installer, err := windows.StringToSid(trustedInstaller)
	if err != nil {
		return err
	}
	found, sid := perm.Judge(sd, rights, installer, answers.System, answers.Administrators)
	if found == answers.AccessFits {
		return nil
	}
	return &UnsafeError{Path: path, Hint: who, Why: "speaks for the whole machine and " + map[answers.Access]string{
		answers.AccessOwner:   "does not belong to its administrators",
		answers.AccessNoList:  "has no access list, so everybody can write to it",
		answers.AccessOthers:  "can be written to by others (" + sid.String() + ")",
		answers.AccessUnknown: "has an access list of an unknown kind",
	}[found]}
}

// trustedInstaller owns what Windows itself brought.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

// IsRegular reports whether what [os.Stat] or an open file says of itself is a regular
// file. One that OneDrive synchronizes (Files On-Demand) is read and replaced as any other,
// but it is a reparse point, and every kind that Go has no name for is irregular to it
// (https://go.dev/issue/61893). What leads elsewhere has been followed by then.
func IsRegular(st os.FileInfo) bool {
	is, ok := st.Sys().(*syscall.Win32FileAttributeData)
	return st.Mode().IsRegular() ||
		ok && st.Mode().Type() == os.ModeIrregular && is.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY == 0
}

// canWrite is true: an access list is not asked.
func canWrite(string) bool { return true }

// SystemPath returns where a file of the system's is: its directory and name of the
// path on Unix, in the known folder ProgramData. The variable of that name is the
// caller's to set, and does not count.
func SystemPath(unixPath string) (string, error) {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		return "", &os.PathError{Op: "find", Path: "ProgramData", Err: err}
	}
	return filepath.Join(dir, filepath.Base(filepath.Dir(unixPath)), filepath.Base(unixPath)), nil
}

// ReadStrictly reads a regular file of the system's of at most most bytes. It and its
// directory must be the administrators', and writable by nobody else; it is not a
// link, and one that changes while it is read is refused. The error is
// [os.ErrNotExist] only if there is no such file, or no such directory.
func ReadStrictly(path string, most int64) ([]byte, error) {
	for _, p := range []string{filepath.Dir(path), path} {
		st, err := os.Lstat(p)
		if err != nil {
			answers.Saw(p, nil, err)
			return nil, err
		}
		if p == path && !st.Mode().IsRegular() || p != path && !st.IsDir() {
			return nil, &UnsafeError{Path: p, Why: "is a link, or not a regular file in a directory",
				Hint: "ask the administrator of this machine"}
		}
	}
	f, err := os.Open(path)
	answers.Saw(path, f, err)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkSystemFile(f, before); err != nil {
		return nil, err
	}
	if err := checkSystemDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	return readUnchanged(f, before, most)
}

// HomeVariable names the user's home to every program.
const HomeVariable = "USERPROFILE"

// CacheDir is where programs of the user keep what they could get again; nothing where
// that cannot be determined.
func CacheDir() string { return BaseDir("LocalAppData", ".cache") }

// ConfigDir is where they keep settings.
func ConfigDir() string { return AppData() }

func stateBase() string { return BaseDir("LocalAppData", filepath.Join(".local", "state")) }

// AppData is where programs of Windows keep settings.
func AppData() string { return os.Getenv("AppData") }

// EntryHome is the user's profile directory, whatever variables say. As in os/user, the
// token is a real one: of the pseudo-handles only queries of a token are documented.
func EntryHome() (string, error) {
	token, err := windows.OpenCurrentProcessToken()
	if err != nil {
		return "", err
	}
	defer token.Close() //nolint:errcheck // it was only read
	return token.GetUserProfileDirectory()
}

// SetHome has this process's variables name a home, and the known folders of the user.
func SetHome(home string) error {
	local, err := windows.KnownFolderPath(windows.FOLDERID_LocalAppData, 0)
	roaming, rerr := windows.KnownFolderPath(windows.FOLDERID_RoamingAppData, 0)
	return errors.Join(err, rerr, os.Setenv("USERPROFILE", home), os.Setenv("LocalAppData", local),
		os.Setenv("AppData", roaming))
}

// EntryCacheDir is the cache directory in the user's known folder.
func EntryCacheDir() (string, error) {
	local, err := windows.KnownFolderPath(windows.FOLDERID_LocalAppData, 0)
	return filepath.Join(local, "sso-exec"), err
}

// EntryStateDir is [StateDir] in the user's known folder.
func EntryStateDir() (string, error) { return EntryCacheDir() }

// giveOwner does nothing: a new file has the access list of its directory.
func giveOwner(*os.File, os.FileInfo) (owner, group bool) { return true, true }

// isMount is false: Windows mounts no single files.
func isMount(error) bool { return false }
