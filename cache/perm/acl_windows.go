package perm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// makePrivate creates a directory whose access list names the user and SYSTEM
// and nobody else. It is protected: nothing is inherited from above, and what
// is made below inherits it. The list is there from the start, so there is no
// moment at which others could open the directory.
func makePrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	user, err := currentUser()
	if err != nil {
		return err
	}
	// D:P a protected list; FA full access; OI, CI inherited by files and
	// directories (Security Descriptor Definition Language).
	sd, err := windows.SecurityDescriptorFromString(fmt.Sprintf("D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;%s)", user))
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = uint32(unsafe.Sizeof(*sa))
	err = windows.CreateDirectory(name, sa)
	if err != nil && !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return &os.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// checkPrivate refuses a directory that its access list opens to others than
// the user, SYSTEM and the machine's administrators, who can take ownership of
// anything anyway.
func checkPrivate(path string) error {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return &os.PathError{Op: "read the access list", Path: path, Err: err}
	}
	user, err := currentUser()
	if err != nil {
		return err
	}
	found, who, err := Judge(sd, 0, user, windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid,
		windows.WinCreatorOwnerSid)
	if err != nil || found == AccessFits {
		return err
	}
	e := &UnsafeError{Path: path, Why: map[Access]string{
		AccessOwner:   "belongs to somebody else (" + who + ")",
		AccessNoList:  "has no access list, so everybody can open it",
		AccessOthers:  "is open to others (" + who + ")",
		AccessUnknown: "has an access list of an unknown kind",
	}[found]}
	// For cmd and PowerShell, and by SID: names are in Windows' own language.
	if icacls := Command("icacls", path); icacls != "" && found != AccessOwner {
		e.Fix = icacls + fmt.Sprintf(` /inheritance:r /grant:r "*%s:(OI)(CI)F" "*S-1-5-18:(OI)(CI)F"`, user)
		if found == AccessOthers {
			e.Fix += fmt.Sprintf(` /remove "*%s"`, who)
		}
	}
	return e
}

// Access is what an access list says of who else can get at something.
type Access int

// What [Judge] finds.
const (
	AccessFits    Access = iota // only who may has access
	AccessOwner                 // it belongs to somebody else
	AccessNoList                // there is no list at all: everybody has every access
	AccessOthers                // others have access
	AccessUnknown               // there are object or callback entries
)

// Judge tells whether something belongs to one of these, and nobody else has any of the
// rights to it; 0: any right at all, for what is made below it too. who is the SID of who
// should not be there.
func Judge(sd *windows.SECURITY_DESCRIPTOR, rights windows.ACCESS_MASK, one *windows.SID,
	more ...windows.WELL_KNOWN_SID_TYPE) (found Access, who string, err error) {
	allowed := []*windows.SID{one}
	for _, kind := range more {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return 0, "", err
		}
		allowed = append(allowed, sid)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return 0, "", err
	}
	if owner == nil || !slices.ContainsFunc(allowed, owner.Equals) {
		return AccessOwner, owner.String(), nil
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return 0, "", err
	}
	if acl == nil {
		return AccessNoList, "", nil
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			return 0, "", err
		}
		switch {
		case ace.Header.AceType == windows.ACCESS_DENIED_ACE_TYPE,
			rights != 0 && ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0:
		case ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE:
			return AccessUnknown, "", nil
		case rights == 0 || ace.Mask&rights != 0:
			if sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)); !slices.ContainsFunc(allowed, sid.Equals) {
				return AccessOthers, sid.String(), nil
			}
		}
	}
	return AccessFits, "", nil
}

func currentUser() (*windows.SID, error) {
	u, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("cannot determine who runs this process: %w", err)
	}
	return u.User.Sid, nil
}
