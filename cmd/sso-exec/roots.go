package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is about whom a run trusts, and which secrets may go there.

// extraRoots are the certificates of --ca-file and --ca-data.
type extraRoots struct {
	file, data string // as they were given
	pem        []byte
	hash       string // of the set; see flows.RootsHash
	err        error
}

// extraRoots reads them, once for the same settings.
func (o *options) extraRoots() *extraRoots {
	if r := o.roots; r == nil || r.file != o.caFile || r.data != o.caData {
		o.roots = readRoots(o.caFile, o.caData)
	}
	return o.roots
}

func readRoots(file, data string) *extraRoots {
	r := &extraRoots{file: file, data: data}
	if file == "" && data == "" {
		return r
	}
	r.hash = "none" // is no set's
	if file != "" {
		b, err := userfile.Read(file)
		if err != nil {
			r.err = fault.Usagef("--ca-file: %w", err)
			return r
		}
		r.pem = append(userfile.Text(b), '\n')
	}
	if data != "" {
		b, err := decodeCAData(data)
		if err != nil {
			r.err = fault.Usagef("--ca-data: %w", err)
			return r
		}
		r.pem = append(r.pem, b...)
	}
	r.hash = cmp.Or(flows.RootsHash(r.pem), r.hash)
	return r
}

// newHTTP is the client that servers are asked by. What a profile authenticates with
// goes out only under the system's roots and those that the profile names.
func (o *options) newHTTP(log *slog.Logger) (*http.Client, error) {
	r := o.extraRoots()
	if r.err != nil {
		return nil, r.err
	}
	hc, err := flows.NewHTTPClient(o.httpTimeout, r.pem)
	if err != nil {
		return nil, fault.Usagef("the private CA (--ca-file, --ca-data): %w", err)
	}
	hc.Transport = requestLog{hc.Transport, log}
	if o.profileHold != nil {
		flows.HoldTo(hc, *o.profileHold)
	}
	return hc, nil
}

// checkProfileSecrets refuses a profile's secret next to a server or a CA that a flag
// or a variable names: a kubeconfig could send it anywhere.
func (o *options) checkProfileSecrets(profile map[string]config.Value) error {
	own := func(name string) string { return strings.Join(profile[name].Values, ",") }
	for _, name := range credentialFlags {
		if own(name) == "" || o.given[name] || strings.HasPrefix(name, "client-secret-") && o.givesSecret() {
			continue
		}
		what := fmt.Sprintf("what profile %q authenticates with (%s)", o.profile, name)
		for _, to := range []string{"issuer", "provider"} {
			value := o.flags.Lookup(to).Value.String()
			if o.given[to] && value != own(to) && (to == "issuer" || own("issuer") == "") {
				return fault.InUsage(fmt.Errorf("%s is not for the %s %s", what, to, value),
					"name it beside the "+to+": --"+name+"; or choose another --profile")

			}
		}
		of := readRoots(own("ca-file"), own("ca-data"))
		o.profileHold = &flows.Hold{Whose: what, Extra: append([]byte{}, of.pem...)}
		by := o.givenRoots()
		if len(by) == 0 {
			continue
		}
		now := o.rootsWith(profile)
		switch {
		case now.err != nil:
			return now.err
		case now.hash == of.hash:
		case own("issuer") == "": // what is only handed out goes nowhere
			o.profileHold.By = by
		default:
			return fault.InUsage(fmt.Errorf("%s is not sent under the CA of %s (%q)",
				what, strings.Join(by, " and "), flows.OtherRoot(now.pem, of.pem)),
				"name that CA in the profile: ca-file: FILE; or leave it out")

		}
	}
	return nil
}

// givesSecret reports whether a flag or a variable has the client's secret.
func (o *options) givesSecret() bool {
	return o.secretInVariable() != "" || o.given["client-secret-file"] || o.given["client-secret-command"] ||
		o.given["client-secret-fd"]
}

// givenRoots names the flags and variables that add roots.
func (o *options) givenRoots() (by []string) {
	for _, name := range []string{"ca-file", "ca-data"} {
		switch {
		case o.typed[name]:
			by = append(by, "--"+name)
		case o.given[name]:
			by = append(by, envName(name))
		}
	}
	return by
}

// rootsWith are the extra roots that are in force with a profile.
func (o *options) rootsWith(profile map[string]config.Value) *extraRoots {
	file, data := o.caFile, o.caData
	if !o.given["ca-file"] {
		file = strings.Join(profile["ca-file"].Values, "")
	}
	if !o.given["ca-data"] {
		data = strings.Join(profile["ca-data"].Values, "")
	}
	return readRoots(file, data)
}
