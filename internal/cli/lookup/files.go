package lookup

import (
	"errors"
	"os"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// FoundAt says in a few words what is at a config file's path.
func FoundAt(layer config.Layer, path string) string {
	_, err := config.ReadFile(path, layer)
	var unsafe *userfile.UnsafeError
	switch {
	case err == nil:
		return "read"
	case errors.As(err, &unsafe):
		return "refused: " + talk.OneLine(unsafe.Why)
	case config.IsAbsent(err) && layer != config.Named:
		return "none"
	case config.IsAbsent(err):
		return "missing"
	}
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		err = pathError.Err
	}
	return "cannot be read: " + talk.OneLine(err.Error())
}
