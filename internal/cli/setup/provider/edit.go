package provider

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/lookup"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is what setup provider changes in the config file.

// said is a key of the profile and its values.
type said struct {
	key    string
	values []string
}

// settings lists what the profile must say.
func (p *providerSetup) settings() ([]said, error) {
	list := []said{{"issuer", []string{p.o.Provider.Issuer}}, {"client-id", []string{p.o.Provider.ClientID}}}
	var err error
	for _, r := range settings.Rows(p.o.Tool) {
		key := r.Key()
		if key == "" || r.Name == "issuer" || r.Name == "client-id" ||
			!p.byFlag.Typed(r.Name) && (!p.o.From.Given(r.Name) || !r.Is(settings.Needed)) {
			continue
		}
		values := r.Get(&p.o.Settings)
		for i := range values { // or it would start at the config file
			v, e := r.Anywhere(values[i])
			values[i], err = v, errors.Join(err, e)
		}
		if r.Kind == settings.Duration { // 5m0s
			if short, ok := strings.CutSuffix(values[0], "m0s"); ok {
				values[0] = short + "m"
			}
		}
		list = append(list, said{key, values})
	}
	return list, err
}

// edit works out the change to the config file. What is there and was not asked
// about stays.
func (p *providerSetup) edit() (setup.Edit, error) {
	list, err := p.settings()
	if err == nil {
		err = p.open()
	}
	if err == nil {
		err = p.look()
	}
	if err != nil {
		return setup.Edit{}, err
	}
	return p.change(func(text []byte) (_ []byte, err error) {
		for _, s := range list {
			if has, ok := p.has[s.key]; ok && slices.Equal(has.Values, s.values) {
				continue // perhaps by what it extends, or by the system's file
			}
			if text, err = config.SetKey(text, p.o.Source.Profile, s.key, s.values...); err != nil {
				return nil, err
			}
		}
		name, by := p.config.Default()
		if name != p.o.Source.Profile && (p.makeDefault || by == config.Origin{}) {
			return config.SetDefault(text, p.o.Source.Profile)
		}
		return text, nil
	})
}

// logoutByID ends a session that no profile leads to any more.
func (p *providerSetup) logoutByID() string {
	return "run: " + p.o.Ours("logout", "ID") + ", with what " + p.o.Ours("status") + " shows as its ID"
}

// write shows the change and makes it. It reports whether it is made.
func (p *providerSetup) write() (wrote bool, err error) {
	err = p.Plan(func() error {
		e, err := p.edit() // of the file as it is by now
		if err != nil {
			return err
		}
		before, stored := p.session()
		done, err := p.Apply(e)
		if !done || bytes.Equal(e.Old, e.New) {
			return err
		}
		wrote = true
		if now, _ := p.session(); stored && now != before {
			fmt.Fprintln(talk.Stderr, "The profile's earlier sign-in is still stored. To end it, run: "+
				p.o.Ours("logout", lookup.IDOf(before)))
		}
		p.next()
		return err
	})
	return wrote, err
}

// session is which session the profile of the config file leads to, and whether somebody
// is signed in to it.
func (p *providerSetup) session() (key string, stored bool) {
	all, _, _ := lookup.Profiles(p.o) // what is wrong with one is told when it is used
	for _, o := range all {
		if o.Source.Profile != p.o.Source.Profile {
			continue
		}
		if s, err := acquire.Open(o, acquire.Caller{}); err == nil {
			_, err = s.Stored()
			return acquire.Request(o).SessionKey(), err == nil
		}
	}
	return "", false
}

func (p *providerSetup) removeProfile() error {
	if err := p.open(); err != nil {
		return err
	}
	name := p.o.Source.Profile
	names := p.config.Names()
	if name == "" {
		return fault.InUsage(errors.New("which profile is to be removed?"),
			"there are: "+cmp.Or(strings.Join(names, ", "), "none"))
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
			fmt.Fprintf(talk.Stderr, "The profile %q is not this file's, but the system's: %s\n", name, config.SystemPath())
		default:
			fmt.Fprintf(talk.Stderr, "No profile %q.%s\n", name, didYouMean(name, names))
		}
		return text, nil
	})
	if err != nil {
		return err
	}
	if !bytes.Equal(e.Old, e.New) {
		if err := p.keepFromAgents(); err != nil {
			return err
		}
		end := "first run: " + p.command("logout")
		if p.Yes {
			end = p.logoutByID()
		}
		fmt.Fprintln(talk.Stderr, "You stay signed in. To sign out too, "+end)
	}
	_, err = p.Apply(e)
	return err
}

func didYouMean(name string, names []string) string {
	if near := commandline.Nearest(name, names); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}

// change is a change to the config file.
func (p *providerSetup) change(do func([]byte) ([]byte, error)) (setup.Edit, error) {
	e, err := p.ConfigEdit(p.path, do)
	if errors.Is(err, config.ErrByHand) && !p.Remove {
		p.has = nil
	}
	return e, err
}
