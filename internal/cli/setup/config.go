package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// ConfigEdit is a change to the config file, which must be one that can be made:
// nobody is to sign in for nothing.
func (s *Flags) ConfigEdit(path string, do func([]byte) ([]byte, error)) (Edit, error) {
	e := Edit{Path: path, Show: HideSecrets}
	var err error
	if e.Old, err = userfile.ReadConfig(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	e.New, err = do(e.Old)
	switch {
	case errors.Is(err, config.ErrByHand) && !s.Remove:
		if block, err := do(nil); err == nil {
			fmt.Fprintf(talk.Stderr, "%s needs this:\n%s", talk.OneLine(path), block)
		}
		fallthrough
	case err != nil:
		return e, fault.Usagef("config: %s: %w", path, err)
	}
	e.Write = func() error {
		err := config.EditFile(path, func(now []byte) ([]byte, error) {
			switch {
			case bytes.Equal(now, e.New): // another process has done the same
				return now, nil
			case !bytes.Equal(now, e.Old):
				return nil, userfile.ErrChanged
			}
			return e.New, nil
		})
		return notWritable(err)
	}
	if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && !s.DryRun && !bytes.Equal(e.Old, e.New) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return e, notWritable(err)
		}
		return e, f.Close()
	}
	return e, nil
}

func notWritable(err error) error {
	if err == nil || errors.Is(err, userfile.ErrChanged) {
		return err
	}
	return fault.Hint(&fault.Error{Kind: fault.Storage, Err: fmt.Errorf("the config file cannot be written: %w", err)},
		"--config FILE writes another one; --dry-run only shows what it would say")
}
