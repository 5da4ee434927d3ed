package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is what setup provider changes in the config file.

// neededVariables are the settings that a profile could not do without if they
// were given by a variable: with others it would be another sign-in, or none.
var neededVariables = []string{"client-secret-file", "provider", "scope", "audience", "resource", "session", "organization",
	"identity", "redirect-uri", "auth-param", "ca-file", "ca-data"}

// settings lists what the profile must say.
func (p *providerSetup) settings() ([]config.KV, error) {
	list := []config.KV{{Key: "issuer", Values: []string{p.o.issuer}}, {Key: "client-id", Values: []string{p.o.clientID}}}
	var err error
	p.o.flags.VisitAll(func(f *pflag.Flag) {
		key := profileKey(f.Name)
		if key == "" || f.Name == "issuer" || f.Name == "client-id" ||
			!p.byFlag[f.Name] && (!p.o.given[f.Name] || !slices.Contains(neededVariables, f.Name)) {
			return
		}
		values := []string{f.Value.String()}
		if slice, ok := f.Value.(pflag.SliceValue); ok {
			values = slices.Clone(slice.GetSlice())
		}
		for i := range values { // or it would start at the config file
			v, e := anywhere(f, values[i])
			values[i], err = v, errors.Join(err, e)
		}
		if f.Value.Type() == "duration" { // 5m0s
			if short, ok := strings.CutSuffix(values[0], "m0s"); ok {
				values[0] = short + "m"
			}
		}
		list = append(list, config.KV{Key: key, Values: values})
	})
	return list, err
}

// edit works out the change to the config file. What is there and was not asked
// about stays.
func (p *providerSetup) edit() (edit, error) {
	list, err := p.settings()
	if err == nil {
		err = p.open()
	}
	if err == nil {
		err = p.look()
	}
	if err != nil {
		return edit{}, err
	}
	return p.change(func(text []byte) (_ []byte, err error) {
		for _, kv := range list {
			if has, ok := p.has[kv.Key]; ok && slices.Equal(has.Values, kv.Values) {
				continue // perhaps by what it extends, or by the system's file
			}
			if text, err = config.SetKey(text, p.o.profile, kv.Key, kv.Values...); err != nil {
				return nil, err
			}
		}
		name, said := p.config.Default()
		if name != p.o.profile && (p.makeDefault || said == config.Origin{}) {
			return config.SetDefault(text, p.o.profile)
		}
		return text, nil
	})
}

// change is a change to the config file, which must be one that can be made:
// nobody is to sign in for nothing.
func (p *providerSetup) change(do func([]byte) ([]byte, error)) (edit, error) {
	e := edit{path: p.path, show: hideSecrets}
	var err error
	if e.old, err = userfile.ReadConfig(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	e.new, err = do(e.old)
	switch {
	case errors.Is(err, config.ErrByHand) && !p.remove:
		p.has = nil
		if block, err := do(nil); err == nil {
			fmt.Fprintf(stderr, "%s needs this:\n%s", oneLine(p.path), block)
		}
		fallthrough
	case err != nil:
		return e, fault.Usagef("config: %s: %w", p.path, err)
	}
	e.write = func() error {
		err := config.EditFile(p.path, func(now []byte) ([]byte, error) {
			switch {
			case bytes.Equal(now, e.new): // another process has done the same
				return now, nil
			case !bytes.Equal(now, e.old):
				return nil, userfile.ErrChanged
			}
			return e.new, nil
		})
		return p.notWritable(err)
	}
	if st, err := os.Stat(p.path); err == nil && st.Mode().IsRegular() && !p.dryRun && !bytes.Equal(e.old, e.new) {
		f, err := os.OpenFile(p.path, os.O_WRONLY, 0)
		if err != nil {
			return e, p.notWritable(err)
		}
		return e, f.Close()
	}
	return e, nil
}

func (p *providerSetup) notWritable(err error) error {
	if err == nil || errors.Is(err, userfile.ErrChanged) {
		return err
	}
	return fault.Hint(&fault.Error{Kind: fault.Storage, Err: fmt.Errorf("the config file cannot be written: %w", err)}, "--config FILE writes another one; --dry-run only shows what it would say")
}

func (p *providerSetup) removeProfile() error {
	if err := p.open(); err != nil {
		return err
	}
	name := p.o.profile
	names := p.config.Names()
	if name == "" {
		return fault.InUsage(errors.New("which profile is to be removed?"), "there are: "+cmp.Or(strings.Join(names, ", "), "none"))
	}
	e, err := p.change(func(text []byte) ([]byte, error) {
		own := &config.Config{}
		for _, f := range p.config.Files {
			if f.Layer != config.System {
				own.Files = append(own.Files, f)
			}
		}
		switch {
		case slices.Contains(own.Names(), name):
			return config.RemoveProfile(text, name)
		case slices.Contains(names, name):
			fmt.Fprintf(stderr, "The profile %q is not this file's, but the system's: %s\n", name, config.SystemPath())
		default:
			fmt.Fprintf(stderr, "There is no profile %q.%s\n", name, didYouMean(name, names))
		}
		return text, nil
	})
	if err != nil {
		return err
	}
	if !bytes.Equal(e.old, e.new) {
		end := "first run: " + p.command("logout")
		if p.yes {
			end = "run: sso-exec logout ID, with what sso-exec status shows as its ID"
		}
		fmt.Fprintln(stderr, "Its sign-in stays as it is. To end that too, "+end)
	}
	_, err = p.apply(e)
	return err
}

func didYouMean(name string, names []string) string {
	if near := config.Nearest(name, names); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}
