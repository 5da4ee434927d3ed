package settings

import (
	"errors"
	"os"
	"strings"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// FillFromEnvironment sets what is open from the variables. One that is empty is
// not set.
func (o *Resolved) FillFromEnvironment() (err error) {
	for _, r := range table {
		if o.From.Given(r.Name) || !r.Of(o.Tool) || r.Is(NoVariable) {
			continue
		}
		value := strings.TrimSpace(os.Getenv(r.Variable()))
		if value == "" {
			continue
		}
		values := []string{value}
		if r.Kind == List {
			values = strings.Split(value, ",")
		}
		for i, v := range values {
			values[i] = strings.TrimSpace(v)
		}
		if wrong := o.Set(r.Name, ByVariable, values...); wrong != nil {
			err = errors.Join(err, fault.Usagef("variable %s: %w", r.Variable(), wrong))
		}
	}
	return err
}

// Variables lists the variables that are read: of settings, and of the client's
// secret.
func Variables() []string {
	names := []string{SecretVariable}
	for _, r := range table {
		if v := r.Variable(); v != "" {
			names = append(names, v)
		}
	}
	return names
}
