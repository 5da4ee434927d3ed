package cache

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sso-exec/sso-exec/cache/perm"
	"github.com/sso-exec/sso-exec/internal/fault"
)

// ErrNotExist is returned where nothing is stored. It is [fs.ErrNotExist].
var ErrNotExist = fs.ErrNotExist

// ErrCorrupt is in the chain of errors about a file that does not parse.
var ErrCorrupt = errors.New("the file does not parse")

// UnsafeError says that a file or directory of the cache could be read or
// replaced by somebody else.
type UnsafeError = perm.UnsafeError

// NewerError says that a durable file was written by a newer version of
// sso-exec. It is left untouched.
type NewerError struct {
	Path    string
	Version int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has format version %d, which this sso-exec does not know", e.Path, e.Version)
}

// Is tells the kind of the failure.
func (e *NewerError) Is(kind error) bool { return kind == fault.Storage }
