package workload

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// fakeGCP answers as Google's documentation says: the path, the header, a JWT as
// plain text with an audience.
func fakeGCP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(gcpFlavor) != "Google" || r.Header.Get("X-Forwarded-For") != "" {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	w.Header().Set(gcpFlavor, "Google")
	w.Header().Set("Content-Type", "text/html") // as the real one does
	account, ok := strings.CutPrefix(r.URL.Path, "/computeMetadata/v1/instance/service-accounts/")
	account, ok2 := strings.CutSuffix(account, "/identity")
	q := r.URL.Query()
	switch {
	case !ok || !ok2 || account != "default" && account != "deploy@project.iam.gserviceaccount.com":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "<!DOCTYPE html><title>Error 404</title>")
	case q.Get("audience") == "":
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "non-empty audience parameter required")
	case q.Get("format") != "full":
		w.WriteHeader(http.StatusInternalServerError)
	default:
		fmt.Fprint(w, good(q.Get("audience")))
	}
}

// gcpAt is a machine whose metadata server is this one.
func gcpAt(t *testing.T, h http.HandlerFunc) Env {
	return at(t, map[string]string{gcpHostVar: strings.TrimPrefix(serve(t, h).URL, "http://")})
}

func TestGCP(t *testing.T) {
	env := gcpAt(t, fakeGCP)
	for _, spec := range []string{"gcp", "gcp:default", "gcp:deploy@project.iam.gserviceaccount.com"} {
		s := parse(t, spec, env)
		if err := s.Available(); err != nil {
			t.Error(err)
		}
		token := check(t, s, "https://sts.example/?a=b&c", "ok", "")
		if token.Type != TypeJWT || token.Expires.Unix() != now+600 || s.FixedAudience() {
			t.Errorf("%s: %+v", spec, token)
		}
	}
	check(t, parse(t, "gcp:other@project.iam.gserviceaccount.com", env), wanted, "refused",
		"is the service account other@project.iam.gserviceaccount.com attached")
	check(t, parse(t, "gcp", env), "", "not here", "--subject-token-audience")
}

func TestGCPHostile(t *testing.T) {
	flavored := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(gcpFlavor, "Google")
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, c := range map[string]struct {
		answer      http.HandlerFunc
		kind, words string
	}{
		"no metadata server": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, good(wanted)) }, "garbled",
			"no Metadata-Flavor: Google, status 200"},
		"a sign-in page": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "garbled",
			"no Metadata-Flavor"},
		"HTML":           {flavored(200, "text/html", "<html>"), "garbled", "without a token"},
		"empty":          {flavored(200, "text/plain", ""), "garbled", "without a token"},
		"error with 200": {flavored(200, "application/json", `{"error":"x"}`), "garbled", "without a token"},
		"huge":           {flavored(200, "text/plain", strings.Repeat("a", 1<<18)), "garbled", "larger than"},
		"a refusal": {flavored(403, "text/plain", "not \x1b[31mallowed "+good(wanted)), "refused",
			"(status 403): not [31mallowed [token]"},
		"wrong audience": {flavored(200, "text/plain", good("x")), "verify", `audience "x"`},
		"expired":        {flavored(200, "text/plain", jwt(map[string]any{"aud": wanted, "exp": now})), "verify", "ended at"},
		"a redirect": {func(w http.ResponseWriter,
			_ *http.Request) {
			w.Header().Set("Location", "/")
			w.WriteHeader(302)
		}, "garbled", "redirects"},
	} {
		t.Run(name, func(t *testing.T) { check(t, parse(t, "gcp", gcpAt(t, c.answer)), wanted, c.kind, c.words) })
	}
}

func TestGCPEvidence(t *testing.T) {
	for name, c := range map[string]struct {
		vars     map[string]string
		firmware string
		words    string // empty: available
	}{
		"nothing":      {nil, "", "nothing says that this is Google Cloud"},
		"the machine":  {nil, "Google Compute Engine\n", ""},
		"another":      {nil, "Standard PC (Google it)", "nothing says"},
		"Cloud Run":    {map[string]string{"K_SERVICE": "web"}, "", ""},
		"a job there":  {map[string]string{"CLOUD_RUN_JOB": "web"}, "", ""},
		"Knative":      {map[string]string{"K_SERVICE": "web", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "", "nothing says"},
		"a named host": {map[string]string{gcpHostVar: "169.254.169.254"}, "", ""},
		"IPv6":         {map[string]string{gcpHostVar: "[fd20:ce::254]:80"}, "", ""},
		"a path in it": {map[string]string{gcpHostVar: "evil.example/x?"}, "Google", "is not a host"},
		"a user in it": {map[string]string{gcpHostVar: "a@b"}, "Google", "is not a host"},
	} {
		env := at(t, c.vars)
		if c.firmware != "" {
			put(t, env.Root, gcpFirmware, c.firmware)
		}
		err := parse(t, "gcp", env).Available()
		clean(t, err)
		if (err == nil) != (c.words == "") || !strings.Contains(said(err), c.words) {
			t.Errorf("%s: %v", name, said(err))
		}
	}
	for _, spec := range []string{"gcp:../token", "gcp:a/b", "gcp:a?b", "gcp:"} {
		if _, err := Parse(spec, at(t, nil)); err == nil {
			t.Errorf("%s is taken", spec)
		}
	}
}

// Two machines, or pods of one cluster, that share a directory.
func TestMachinePrincipal(t *testing.T) {
	of := func(spec, host, pod string) string {
		env := at(t, map[string]string{gcpHostVar: "x", azureHostVar: azureIMDS})
		env.hostname = func() (string, error) { return host, nil }
		if pod != "" {
			put(t, env.Root, serviceAccountToken, podToken("web", pod, now))
		}
		p, err := parse(t, spec, env).Principal()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	seen := map[string]string{}
	for _, c := range [][3]string{
		{"gcp", "a", ""}, {"gcp", "b", ""}, {"gcp:x@y", "a", ""}, {"gcp", "a", "uid-1"}, {"gcp", "a", "uid-2"},
		{"azure", "a", ""}, {"azure", "b", ""}, {"azure:00000000-0000-0000-0000-000000000001", "a", ""},
	} {
		p := of(c[0], c[1], c[2])
		if other, ok := seen[p]; ok {
			t.Errorf("%v and %s have the principal %s", c, other, p)
		}
		seen[p] = fmt.Sprint(c)
		if of(c[0], c[1], c[2]) != p {
			t.Errorf("%v: the principal changes", c)
		}
	}
}
