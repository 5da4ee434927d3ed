package userfile

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// EntryHome is the user's profile directory, whatever variables say.
func EntryHome() (string, error) { return windows.GetCurrentProcessToken().GetUserProfileDirectory() }

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
