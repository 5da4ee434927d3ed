package perm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sso-exec/sso-exec/internal/answers"
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
	found, who := Judge(sd, 0, user, answers.System, answers.Administrators, answers.CreatorOwner)
	if found == answers.AccessFits {
		return nil
	}
	e := &UnsafeError{Path: path, Why: map[answers.Access]string{
		answers.AccessOwner:   "belongs to somebody else (" + who.String() + ")",
		answers.AccessNoList:  "has no access list, so everybody can open it",
		answers.AccessOthers:  "is open to others (" + who.String() + ")",
		answers.AccessUnknown: "has an access list of an unknown kind",
	}[found]}
	// For cmd and PowerShell, and by SID: names are in Windows' own language.
	if icacls := Command("icacls", path); icacls != "" && found != answers.AccessOwner {
		e.Fix = icacls + fmt.Sprintf(` /inheritance:r /grant:r "*%s:(OI)(CI)F" "*S-1-5-18:(OI)(CI)F"`, user)
		if found == answers.AccessOthers {
			e.Fix += fmt.Sprintf(` /remove "*%s"`, who)
		}
	}
	return e
}

// Judge is [answers.Judge] of a security descriptor that Windows gave.
func Judge(sd *windows.SECURITY_DESCRIPTOR, rights windows.ACCESS_MASK, one *windows.SID,
	more ...answers.SID) (answers.Access, answers.SID) {
	whole := unsafe.Slice((*byte)(unsafe.Pointer(sd)), sd.Length())
	return answers.Judge(whole, uint32(rights), append(more, answers.SID(unsafe.Slice((*byte)(unsafe.Pointer(one)),
		one.Len())))...)
}

func currentUser() (*windows.SID, error) {
	u, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, fmt.Errorf("cannot determine who runs this process: %w", err)
	}
	return u.User.Sid, nil
}
