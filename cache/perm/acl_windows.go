package perm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	allowed, err := allowedSIDs()
	if err != nil {
		return err
	}
	// For cmd and PowerShell, and by SID: names are in Windows' own language.
	icacls := Command("icacls", path)
	unsafeBecause := func(why, arguments string) error {
		e := &UnsafeError{Path: path, Why: why}
		if icacls != "" {
			e.Fix = icacls + arguments
		}
		return e
	}
	private := fmt.Sprintf(` /inheritance:r /grant:r "*%s:(OI)(CI)F" "*S-1-5-18:(OI)(CI)F"`, allowed[0])
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	if !isOneOf(owner, allowed) {
		return &UnsafeError{Path: path, Why: "belongs to somebody else (" + owner.String() + ")"}
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	if acl == nil { // no list at all: everybody has every access
		return unsafeBecause("has no access list, so everybody can open it", private)
	}
	for i := range uint32(acl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(acl, i, &ace); err != nil {
			return err
		}
		switch ace.Header.AceType {
		case windows.ACCESS_DENIED_ACE_TYPE:
			continue
		case windows.ACCESS_ALLOWED_ACE_TYPE:
			if sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart)); !isOneOf(sid, allowed) {
				return unsafeBecause("is open to others ("+sid.String()+")", fmt.Sprintf(`%s /remove "*%s"`, private, sid))
			}
		default: // object and callback entries, which nothing of ours has
			return unsafeBecause("has an access list of an unknown kind", private)
		}
	}
	return nil
}

// allowedSIDs are who may have access, the user first.
func allowedSIDs() ([]*windows.SID, error) {
	user, err := currentUser()
	if err != nil {
		return nil, err
	}
	sids := []*windows.SID{user}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid,
		windows.WinCreatorOwnerSid} {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return nil, err
		}
		sids = append(sids, sid)
	}
	return sids, nil
}

func currentUser() (*windows.SID, error) {
	u, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("who runs this process cannot be told: %w", err)
	}
	return u.User.Sid, nil
}

func isOneOf(sid *windows.SID, list []*windows.SID) bool {
	for _, other := range list {
		if sid.Equals(other) {
			return true
		}
	}
	return false
}
