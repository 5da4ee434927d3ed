package userfile

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

func open(path string) (*os.File, error) { return os.Open(path) }

// OpenLog opens a log file to append to.
func OpenLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

// Windows file modes say nothing about access; the access list of the file's
// directory is the user's own affair.
func checkNotWritable(*os.File, os.FileInfo) error { return nil }
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
	const who = "ask whoever administers this machine: it must be the administrators', and only they may write to it"
	admins, err := systemSIDs()
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	if owner == nil || !isOneOf(owner, admins) {
		return &UnsafeError{Path: path, Why: "speaks for the whole machine and does not belong to its administrators",
			Hint: who}
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	if acl == nil { // no list at all: everybody has every access
		return &UnsafeError{Path: path,
			Why: "speaks for the whole machine and has no access list, so everybody can write to it", Hint: who}
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			return err
		}
		switch {
		case ace.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE, ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0:
		case ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE: // object and callback entries
			return &UnsafeError{Path: path, Why: "speaks for the whole machine and has an access list of an unknown kind",
				Hint: who}
		case ace.Mask&rights != 0:
			if sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)); !isOneOf(sid, admins) {
				return &UnsafeError{Path: path,
					Why: "speaks for the whole machine and can be written to by others (" + sid.String() + ")", Hint: who}
			}
		}
	}
	return nil
}

// trustedInstaller owns what Windows itself brought.
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

func systemSIDs() ([]*windows.SID, error) {
	installer, err := windows.StringToSid(trustedInstaller)
	if err != nil {
		return nil, err
	}
	sids := []*windows.SID{installer}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid} {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return nil, err
		}
		sids = append(sids, sid)
	}
	return sids, nil
}

func isOneOf(sid *windows.SID, list []*windows.SID) bool {
	for _, other := range list {
		if sid.Equals(other) {
			return true
		}
	}
	return false
}

// canWrite is true: an access list is not asked.
func canWrite(string) bool { return true }
