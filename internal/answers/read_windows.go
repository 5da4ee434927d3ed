package answers

import (
	"os"
	"syscall"
	"unsafe"
)

const (
	readControl, readAttributes = 0x20000, 0x80 // [MS-DTYP] 2.4.3
	shareAll                    = syscall.FILE_SHARE_READ | syscall.FILE_SHARE_WRITE | syscall.FILE_SHARE_DELETE
)

// Package syscall loads both from the system's directory alone.
var (
	getFileInformation = syscall.NewLazyDLL("kernel32.dll").NewProc("GetFileInformationByHandleEx")
	getSecurity        = syscall.NewLazyDLL("advapi32.dll").NewProc("GetKernelObjectSecurity")
)

// IDOf returns the ID of an open file; ok is false if it is not a regular one, or on a
// file system that does not keep when a file was last changed in whatever way (FAT).
func IDOf(f *os.File) (ID, bool) { return handle(f.Fd()).id(false) }

// Self returns the ID of the program that runs.
func Self() (ID, bool) {
	path, err := os.Executable()
	f, err2 := open(path, readAttributes, 0)
	if err != nil || err2 != nil {
		return ID{}, false
	}
	defer f.close()
	return f.id(false)
}

// same reports whether a file is as it was.
func (f File) same() bool {
	if f.Path == "" {
		id, ok := Self()
		return ok && id == f.ID
	}
	var flags uint32
	if f.ID == (ID{}) { // a link that leads nowhere is there
		flags = syscall.FILE_FLAG_OPEN_REPARSE_POINT
	}
	h, err := open(f.Path, readAttributes, flags)
	switch err {
	case nil:
		defer h.close()
		id, ok := h.id(false)
		return ok && id == f.ID
	case syscall.ERROR_FILE_NOT_FOUND, syscall.ERROR_PATH_NOT_FOUND:
		return f.ID == ID{}
	}
	return false
}

// handle is an open file or directory.
type handle syscall.Handle

func (f handle) close() { _ = syscall.CloseHandle(syscall.Handle(f)) }

// read reads from an offset; ok is false where there is nothing more.
func (f handle) read(b []byte, at int64) (n int, ok bool) {
	var m uint32
	o := syscall.Overlapped{Offset: uint32(at), OffsetHigh: uint32(at >> 32)} //nolint:gosec // its two halves
	err := syscall.ReadFile(syscall.Handle(f), b, &m, &o)
	return int(m), err == nil && m > 0
}

// open opens what is there in a way that keeps nobody from replacing it.
func open(path string, access, flags uint32) (handle, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	h, err := syscall.CreateFile(name, access, shareAll, nil, syscall.OPEN_EXISTING,
		syscall.FILE_FLAG_BACKUP_SEMANTICS|flags, 0) // without which no directory is opened
	return handle(h), err
}

// id returns the ID of a regular file, or of a directory.
func (f handle) id(dir bool) (id ID, ok bool) {
	var is syscall.ByHandleFileInformation
	var basic struct { // FILE_BASIC_INFO
		_, _, _, changed int64
		_                uint32
	}
	kind, err := syscall.GetFileType(syscall.Handle(f))
	if err != nil || kind != syscall.FILE_TYPE_DISK ||
		syscall.GetFileInformationByHandle(syscall.Handle(f), &is) != nil {
		return id, false
	}
	got, _, _ := getFileInformation.Call(uintptr(f), 0, uintptr(unsafe.Pointer(&basic)), unsafe.Sizeof(basic))
	link := is.FileAttributes&syscall.FILE_ATTRIBUTE_REPARSE_POINT != 0
	if got == 0 || basic.changed == 0 || link || is.FileAttributes&syscall.FILE_ATTRIBUTE_DIRECTORY != 0 != dir {
		return id, false
	}
	changed := syscall.Filetime{LowDateTime: uint32(basic.changed), //nolint:gosec // its two halves
		HighDateTime: uint32(basic.changed >> 32)} //nolint:gosec // as above
	return ID{int64(is.VolumeSerialNumber), int64(is.FileIndexHigh)<<32 | int64(is.FileIndexLow),
		int64(is.FileSizeHigh)<<32 | int64(is.FileSizeLow), int64(is.FileAttributes), 0, int64(is.NumberOfLinks),
		is.LastWriteTime.Nanoseconds(), changed.Nanoseconds()}, true
}

// ours reports whether something is the user's, and only the user, SYSTEM and the
// administrators can get at it.
func (f handle) ours(user SID) bool {
	const ownerAndList = 0x1 | 0x4
	var sd [1024]byte
	var size uint32
	got, _, _ := getSecurity.Call(uintptr(f), ownerAndList, uintptr(unsafe.Pointer(&sd)), unsafe.Sizeof(sd),
		uintptr(unsafe.Pointer(&size)))
	if got == 0 || int(size) > len(sd) {
		return false
	}
	found, _ := Judge(sd[:size], 0, user, System, Administrators, CreatorOwner)
	return found == AccessFits
}

// directory is an open directory that is this user's alone.
type directory struct {
	handle
	path string
	user SID
}

func openRoot(path string) (d directory, ok bool) {
	token, err := syscall.OpenCurrentProcessToken()
	if err != nil {
		return d, false
	}
	defer token.Close() //nolint:errcheck // it was only read
	user, err := token.GetTokenUser()
	if err != nil {
		return d, false
	}
	sid := user.User.Sid
	return openDir(path, SID(unsafe.Slice((*byte)(unsafe.Pointer(sid)), sid.Len())))
}

func openDir(path string, user SID) (d directory, ok bool) {
	h, err := open(path, readControl|readAttributes, syscall.FILE_FLAG_OPEN_REPARSE_POINT)
	if err != nil {
		return d, false
	}
	if _, ok := h.id(true); ok && h.ours(user) {
		return directory{h, path, user}, true
	}
	h.close()
	return d, false
}

// sub goes by the path. The directories before its last component were looked at a
// moment ago, and are this user's alone.
func (d directory) sub(name string) (directory, bool) { return openDir(d.path+`\`+name, d.user) }

// file opens a file that is this user's alone and has one name.
func (d directory) file(name string) (f handle, id ID, ok bool) {
	const links = 5
	f, err := open(d.path+`\`+name, syscall.GENERIC_READ, syscall.FILE_FLAG_OPEN_REPARSE_POINT)
	if err != nil {
		return f, id, false
	}
	if id, ok = f.id(false); ok && id[links] == 1 && f.ours(d.user) {
		return f, id, true
	}
	f.close()
	return f, id, false
}

// The variables that the usual cache directory comes of.
const homeVariable, cacheVariable = "USERPROFILE", "LOCALAPPDATA"

func absolute(path string) bool {
	slash := func(i int) bool { return i < len(path) && (path[i] == '\\' || path[i] == '/') }
	return slash(0) && slash(1) || len(path) > 2 && path[1] == ':' && slash(2)
}

// fold is a variable's name as the system compares it.
func fold(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// Tells reports whether a file's ID tells of each change: [IDOf] refuses where it does not,
// and a file is opened to look at it.
func Tells(string) bool { return true }
