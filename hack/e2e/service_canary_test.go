package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestServiceCanary: a client's secret, its private key, an assertion and a
// platform's token are on the wire alone: not on stderr, in a log at its finest, in
// a file, on the command line or in the environment of what we start, also where
// the provider throws them back.
func TestServiceCanary(t *testing.T) {
	t.Parallel()
	secret := "canary" + rand.Text()
	key := newKey(t, "ES256")
	p := newCertified(t, certifiedOptions{
		Clients: []object{
			serviceClient("secret", "client_secret_basic", object{"client_secret": secret}),
			serviceClient("post", "client_secret_post", object{"client_secret": secret}),
			keyClient("ec", key),
		},
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					http.Error(w, err.Error(), http.StatusBadRequest)
					return
				}
				form, _ := url.ParseQuery(string(body))
				if r.URL.Path == "/token" && form.Has("scope") { // which says how it is to end
					throwBack(w, r, form)
					return
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				next.ServeHTTP(w, r)
			})
		},
	})
	platforms := p.assertionOf("ec", key, time.Now().Add(10*time.Minute))
	block, _ := pem.Decode(key.pkcs8)
	var private struct{ D string }
	if err := json.Unmarshal(key.private, &private); err != nil {
		t.Fatal(err)
	}
	canaries := map[string]string{
		"the secret": secret, "the key": private.D, "the platform's token": platforms,
		"the signature of the platform's token": platforms[strings.LastIndex(platforms, ".")+1:],
	}
	for i, line := range strings.Split(strings.TrimSpace(string(pem.EncodeToMemory(block))), "\n") {
		if !strings.HasPrefix(line, "-----") {
			canaries[fmt.Sprint("line ", i, " of the key's file")] = line
		}
	}

	for name, way := range map[string]struct {
		id    string
		flags func(s service, helper string) (flags, env []string)
	}{
		"a file": {"secret", func(s service, _ string) ([]string, []string) {
			return []string{"--client-secret-file", s.file("secret", []byte(secret))}, nil
		}},
		"a variable": {"post", func(service, string) ([]string, []string) {
			return []string{"--client-auth", "client_secret_post"}, []string{"SSO_EXEC_CLIENT_SECRET=" + secret}
		}},
		"a helper": {"secret", func(s service, helper string) ([]string, []string) {
			return []string{"--client-secret-command", helper + " " + s.file("secret", []byte(secret))}, nil
		}},
		"a key": {"ec", func(s service, _ string) ([]string, []string) {
			return []string{"--client-key-file", s.file("key", key.pkcs8)}, nil
		}},
		"a key of a helper, next to a variable": {"ec", func(s service, helper string) ([]string, []string) {
			return []string{"--client-key-command", helper + " " + s.file("key", key.private)},
				[]string{"SSO_EXEC_CLIENT_SECRET=" + secret}
		}},
		"a platform's token": {"ec", func(s service, helper string) ([]string, []string) {
			return []string{"--subject-token-from", "command:" + helper + " " + s.file("assertion", []byte(platforms))}, nil
		}},
		"a platform's token in a variable": {"ec", func(service, string) ([]string, []string) {
			return []string{"--subject-token-from", "env:PLATFORM"}, []string{"PLATFORM=" + platforms}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, p.issuer)
			seen := filepath.Join(s.home, "seen")
			helper := s.file("helper", []byte("#!/bin/bash\n"+look+"cat \"$1\"\n"))
			if err := os.Chmod(helper, 0o700); err != nil {
				t.Fatal(err)
			}
			flags, env := way.flags(s, helper)
			log := filepath.Join(s.home, "log")
			flags = append(flags, "--log-level", "debug", "--log-file", log)
			find := func(where, text string) {
				t.Helper()
				for what, canary := range canaries {
					if strings.Contains(text, canary) {
						t.Errorf("%s is in %s", what, where)
					}
				}
			}
			look := func(after string) {
				t.Helper()
				find("the log after "+after, readAll(t, log))
				if _, err := os.Stat(s.cache); err == nil {
					find("the cache after "+after, s.files())
				}
				if text, err := os.ReadFile(seen); err == nil {
					find("what a child sees of the processes, after "+after, string(text))
				}
			}

			for _, answer := range []string{"", "refusal", "failure", "garbage"} {
				asked := append(slices.Clone(flags), "--force")
				if answer != "" {
					asked = append(asked, "--scope", answer)
				}
				res := s.start("sso-exec", append(env, "SEEN="+seen), s.args("token", way.id, asked...)...).wait()
				replayed := answer == "" && strings.Contains(name, "platform") // whoever comes second
				if want := map[string]int{"": 0, "refusal": 1, "failure": 5, "garbage": 5}[answer]; res.code != want && !replayed {
					t.Errorf("%q: ended with %d, want %d: %s", answer, res.code, want, res.stderr)
				}
				find("stderr under "+answer, res.stderr)
				find("stdout under "+answer, res.stdout)
				look(answer)
			}
			if strings.Contains(name, "platform") {
				return
			}
			// A command that is given the token is given no more.
			child := s.start("sso-exec", append(env, "SEEN="+seen),
				s.args("run", way.id, append(flags, "--token-env", "TOKEN", "--", helper, os.DevNull)...)...)
			if res := child.wait(); res.code != 0 {
				t.Errorf("run ended with %d: %s", res.code, res.stderr)
			}
			look("run")
			children := readAll(t, seen)
			if !strings.Contains(children, "TOKEN=") || strings.Contains(name, "helper") &&
				!strings.Contains(children, "--flow") {
				t.Error("the children have not looked around, so this test sees nothing")
			}
			find("what status shows", s.sso("status", "--cache-dir", s.cache, "-o", "json").ok())
			find("what explain shows",
				s.start("sso-exec", env, s.args("token", way.id, append(flags, "--explain")...)...).wait().stderr)
		})
	}
}

// look is a child that writes down its own environment, and the command lines of
// itself and of who started it.
const look = `cat /proc/$$/environ /proc/$$/cmdline /proc/$PPID/cmdline | tr '\0' '\n' | grep -v ^PLATFORM= >>"$SEEN"
`

// throwBack is a provider that says what it was told, in words that end up in
// messages.
func throwBack(w http.ResponseWriter, r *http.Request, form url.Values) {
	_, basic, _ := r.BasicAuth()
	plain, _ := url.QueryUnescape(basic)
	said := fmt.Sprint("you said ", plain, " ", form.Get("client_secret"), " ", form.Get("client_assertion"), " ",
		form.Get("subject_token"))
	switch form.Get("scope") {
	case "refusal":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(object{"error": "invalid_request", "error_description": said})
	case "failure":
		http.Error(w, said, http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>", said)
	}
}

func readAll(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
