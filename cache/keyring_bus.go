//go:build unix && !darwin

package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	ss "github.com/zalando/go-keyring/secret_service"
)

const (
	busVariable   = "DBUS_SESSION_BUS_ADDRESS"
	secretService = "org.freedesktop.secrets"
)

// reach connects to the Secret Service if that runs and is unlocked. It starts
// nothing and asks nobody: without an address the library would run
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

// nameBus makes sure that the session bus has an address in the environment,
// which is where the library looks first.
func nameBus() error {
	// "autolaunch:" asks for a bus to be started (D-Bus specification, transports).
	if address := os.Getenv(busVariable); address != "" && !strings.HasPrefix(address, "autolaunch:") {
		return nil
	}
	socket := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")
	if st, err := os.Stat(socket); !filepath.IsAbs(socket) || err != nil || st.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("there is no session bus (neither $%s nor $XDG_RUNTIME_DIR/bus)", busVariable)
	}
	return os.Setenv(busVariable, "unix:path="+escapeAddress(socket))
}

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
