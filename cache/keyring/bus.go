//go:build unix && !darwin

package keyring

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	ss "github.com/zalando/go-keyring/secret_service"
	"golang.org/x/sys/unix"

	"github.com/sso-exec/sso-exec/cache/perm"
)

const (
	busVariable   = "DBUS_SESSION_BUS_ADDRESS"
	secretService = "org.freedesktop.secrets"
)

// reach connects to the Secret Service if that runs and is unlocked. It starts
// nothing and never prompts: without an address the library would run
// dbus-launch, whose bus nobody ends; a call to a service that is not there
// would have the bus start one, locked; and a call to a locked one opens a
// window that this process does not wait for.
//
// When ctx ends, the connection is closed: a write that was given up must not
// be made later, over that of another process.
func reach(ctx context.Context) (leave func(), err error) {
	if err := nameBus(); err != nil {
		return nil, err
	}
	svc, err := ss.NewSecretService()
	if err != nil {
		return nil, fmt.Errorf("the session bus: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = svc.Conn.Close() })
	if err := ready(ctx, svc); err != nil {
		stop()
		return nil, err
	}
	return func() { stop() }, nil
}

// ready looks whether there is an unlocked keyring behind a connection.
func ready(ctx context.Context, svc *ss.SecretService) error {
	var owned bool
	err := svc.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, secretService).Store(&owned)
	if err != nil {
		return fmt.Errorf("the session bus: %w", err)
	}
	if !owned {
		return errors.New("no Secret Service (GNOME Keyring, KWallet, KeePassXC) is running on the session bus")
	}
	// Not every service has the property; without it the deadline must do.
	v, err := svc.GetLoginCollection().GetProperty("org.freedesktop.Secret.Collection.Locked")
	if locked, ok := v.Value().(bool); err == nil && ok && locked {
		return errors.New("it is locked")
	}
	return nil
}

// nameBus makes sure that the environment, which is where the library looks
// first, names one bus: a socket that belongs to this user or to root. Whoever
// calls us sets that variable, and what is sent to the bus is a refresh token.
func nameBus() error {
	address := os.Getenv(busVariable)
	// "autolaunch:" asks for a bus to be started (D-Bus specification, transports).
	if address == "" || strings.HasPrefix(address, "autolaunch:") {
		dir := os.Getenv("XDG_RUNTIME_DIR")
		if !filepath.IsAbs(dir) {
			return errNoBus
		}
		address = "unix:path=" + escapeAddress(filepath.Join(dir, "bus"))
	}
	var last error
	trusted := ""
	for one := range strings.SplitSeq(address, ";") {
		if one == "" {
			continue
		}
		checked, err := checkBus(one)
		if _, ok := errors.AsType[*unsafeBusError](err); ok { // of none: the library would try them all
			return err
		}
		if last = err; err == nil && trusted == "" {
			trusted = checked
		}
	}
	switch {
	case trusted != "":
		return os.Setenv(busVariable, trusted)
	case last == nil, os.Getenv(busVariable) == "", strings.HasPrefix(os.Getenv(busVariable), "autolaunch:"):
		return errNoBus
	}
	return fmt.Errorf("the session bus: %w", last)
}

var errNoBus = fmt.Errorf("no session bus (neither $%s nor $XDG_RUNTIME_DIR/bus)", busVariable)

// unsafeBusError says that a bus could be somebody else's.
type unsafeBusError struct{ why string }

func (e *unsafeBusError) Error() string {
	return "the session bus that is named ($" + busVariable +
		", $XDG_RUNTIME_DIR) is not used, and nothing was sent to it: " + e.why
}

// checkBus returns the address of a bus, with nothing in it but where its socket
// is, once that is seen to belong to this user or to root. Nobody else can put
// another in its place: the directories that lead there are judged too.
func checkBus(address string) (string, error) {
	transport, rest, _ := strings.Cut(address, ":")
	if transport != "unix" {
		return "", &unsafeBusError{fmt.Sprintf("its address begins with %q, not with unix:", transport)}
	}
	keys := map[string]string{}
	for pair := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(pair, "=")
		plain, err := url.PathUnescape(value)
		if _, twice := keys[name]; twice || err != nil {
			return "", &unsafeBusError{"its address is not understood"}
		}
		keys[name] = plain
	}
	path, abstract := keys["path"], keys["abstract"]
	switch {
	case abstract != "" && path == "":
		uid, err := abstractOwner(abstract)
		if err == nil && !isOurs(uid) {
			err = &unsafeBusError{fmt.Sprintf("it belongs to user %d", uid)}
		}
		return "unix:abstract=" + escapeAddress(abstract), err
	case !filepath.IsAbs(path) || abstract != "":
		return "", &unsafeBusError{"its address names no absolute path"}
	}
	end, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	var st unix.Stat_t
	if err := unix.Lstat(end, &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: end, Err: err}
	}
	var found *perm.UnsafeError
	switch err := perm.Check(path); {
	case errors.As(err, &found):
		return "", &unsafeBusError{found.Error()}
	case err != nil:
		return "", err
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return "", &unsafeBusError{end + " is not a socket"}
	case !isOurs(int(st.Uid)):
		return "", &unsafeBusError{fmt.Sprintf("%s belongs to user %d", end, st.Uid)}
	}
	return "unix:path=" + escapeAddress(end), nil
}

func isOurs(uid int) bool { return uid == 0 || uid == os.Geteuid() }

// escapeAddress is the escaping of a value in an address (D-Bus specification,
// server addresses).
func escapeAddress(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_/.\\*", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}
