package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/disk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is about where sessions are stored: modes, owners, links, the file system,
// room, locks, the keyring, the audit trail.

func checkStorage(ctx context.Context, d *doctor) (f found) {
	dir := d.o.Storage.CacheDir
	switch {
	case d.o.Storage.Store == "none":
		f.add(pass, "nothing is stored (--store none): every run needs a new sign-in")
		return f
	case dir == "":
		f.add(failure, "no cache directory: the home directory is not known")
		f.fix("set "+userfile.HomeVariable+", or name a directory", "sso-exec doctor --cache-dir DIR")
		return f
	}
	sessions, err := lookup.OpenCache(d.o).Check(ctx)
	absent := errors.Is(err, cache.ErrNotExist)
	if st, serr := os.Stat(nearest(dir)); absent && serr == nil && !st.IsDir() { // Windows says no more of that
		f.add(failure, dir+" cannot be made: "+nearest(dir)+" is not a directory")
		f.fix("use another directory", anotherCacheDir())
		return f
	}
	if absent {
		f.add(pass, dir+" does not exist yet: the first sign-in makes it")
	} else {
		f.add(pass, fmt.Sprintf("%s: %s", dir, counted(sessions, "session")))
		f.unsafe(d, err)
	}
	if by := syncedBy(dir); by != "" {
		f.add(warning, dir+" is in a folder that "+by+" copies to other machines, with the tokens in it")
		f.fix("move the cache to a local directory", anotherCacheDir())
	}
	if kind := networkFS(nearest(dir)); kind != "" {
		f.add(warning, fmt.Sprintf("%s is on a network file system (%s)", dir, kind),
			"others may read it, and locks may not hold between machines")
		f.fix("use a local directory", anotherCacheDir())
	}
	if err != nil {
		return f
	}
	_, remove, err := lookup.OpenCache(d.o).Probe()
	if err != nil {
		f.add(failure, fmt.Sprintf("a file cannot be written there: %v", err))
		f.fix("make room or make it writable, or use another directory: --cache-dir DIR", "")
		return f
	}
	remove()
	f.add(pass, "there is room, and files can be written")
	return f
}

// unsafe adds a failure for each error that was joined.
func (f *found) unsafe(d *doctor, err error) {
	if err == nil {
		return
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // the outermost is meant
		list = joined.Unwrap()
	}
	for _, e := range list {
		f.fail(failure, d.o, e)
	}
}

// nearest is a directory, or the first one above it that exists.
func nearest(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// synced are parts of paths by which programs that copy folders are known.
var synced = [][2]string{
	{"/library/cloudstorage", "a cloud storage"}, {"/library/mobile documents", "iCloud Drive"},
	{"/dropbox", "Dropbox"}, {"/onedrive", "OneDrive"}, {"/google drive", "Google Drive"},
	{"/googledrive", "Google Drive"}, {"/nextcloud", "Nextcloud"}, {"/syncthing", "Syncthing"},
}

// syncedBy names the program that copies a directory to other machines, as far as its
// path tells.
func syncedBy(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	path := strings.ToLower(filepath.ToSlash(dir)) + "/"
	for _, s := range synced {
		if i := strings.Index(path, s[0]); i >= 0 && strings.ContainsRune("/ -", rune(path[i+len(s[0])])) {
			return s[1]
		}
	}
	return ""
}

// What the other process says of a lock.
const (
	lockFree = "free"
	lockHeld = "held"
)

// tryLock takes the lock of a file, which ends with the file.
func tryLock(f *os.File) (bool, error) { return disk.TryLock(f) }

// checkLocks holds a lock, and has another process try it: while it is held, and after.
func checkLocks(ctx context.Context, d *doctor) (f found) {
	if d.o.Storage.Store == "none" || d.o.Storage.CacheDir == "" {
		return f
	}
	file, remove, err := lookup.OpenCache(d.o).Probe()
	if err != nil { // which is said by the check of the storage
		return f
	}
	defer remove()
	const why = ": several processes could use one refresh token at once, and end the session"
	local := func() {
		f.fix("use a directory on a local file system", anotherCacheDir())
	}
	if free, err := tryLock(file); err != nil || !free {
		f.add(failure, fmt.Sprintf("no lock can be taken in %s (%v)", d.o.Storage.CacheDir, err)+why)
		local()
		return f
	}
	said, err := otherSays(ctx, file.Name())
	switch {
	case err != nil:
		f.add(warning, "locks could not be tried: the second process failed: "+err.Error())
		return f
	case said != lockHeld:
		f.add(failure, "a lock that one process holds is given to another"+why)
		local()
		return f
	}
	_ = file.Close() // which frees the lock
	switch said, err = otherSays(ctx, file.Name()); {
	case err != nil:
		f.add(warning, "locks could not be tried: the second process failed: "+err.Error())
	case said != lockFree:
		f.add(failure, "a lock stays taken after its process has released it: other processes would wait for ever")
		local()
	default:
		f.add(pass, "a lock held by one process kept another one out")
	}
	return f
}

// otherSays runs this program again, to try a lock.
func otherSays(ctx context.Context, path string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "doctor", "--try-lock", path)
	cmd.Args[0] = "sso-exec" // whatever name this one was called by
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// checkKeyring writes an entry, reads it and removes it, where the keyring is used.
func checkKeyring(ctx context.Context, d *doctor) (f found) {
	if d.o.Storage.Store != "keyring" || d.o.Storage.CacheDir == "" {
		return f
	}
	began := time.Now()
	store := lookup.OpenCache(d.o)
	store.KeyringBy = "--store keyring"
	err := store.ProbeKeyring(ctx)
	took := time.Since(began).Round(time.Millisecond)
	switch {
	case err != nil:
		f.fail(failure, d.o, err)
	case took > time.Second:
		f.add(warning, fmt.Sprintf("an entry was written, read and removed, but that took %v", took),
			"every refresh waits that long")
		f.fix("unlock the keyring when you sign in to this machine, or keep tokens in a file: --store file", "")
	default:
		f.add(pass, fmt.Sprintf("an entry was written, read and removed in %v", took))
	}
	return f
}

// checkAudit judges the directory of the audit trail.
func checkAudit(_ context.Context, d *doctor) (f found) {
	p := d.o.Policy
	required := p != nil && p.AuditRequired
	if d.o.Report.Audit == "off" && !required {
		f.add(pass, "off (--audit off)")
		return f
	}
	dir := userfile.TrailDir(required)
	if dir == "" {
		f.add(warning, "sign-ins are not recorded: the home directory is not known, or not writable")
		return f
	}
	r, err := perm.OpenRoot(dir, false)
	switch {
	case err == nil:
		r.Close()
		f.add(pass, "recorded in "+filepath.Join(dir, "audit.jsonl"))
	case isAbsent(err):
		f.add(pass, "recorded in "+filepath.Join(dir, "audit.jsonl")+", from the first sign-in on")
	default:
		f.unsafe(d, err)
		if f.result == failure && !required {
			f.result = warning // it costs no credential
		}
	}
	return f
}
