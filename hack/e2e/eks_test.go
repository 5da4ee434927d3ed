package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sso-exec/sso-exec/hack/demo/dex"
	"github.com/sso-exec/sso-exec/internal/hosted"
	"github.com/sso-exec/sso-exec/providertest"
)

// reviewer answers the API server's TokenReviews while a test has it do so; a token that
// nobody knows is nobody's.
var reviewer atomic.Pointer[func(token string) (string, error)]

// startReviewer writes the kubeconfig of a webhook that the API server asks.
func startReviewer(file string) error {
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct{ Spec struct{ Token string } }
		err := json.NewDecoder(r.Body).Decode(&review)
		status := object{"authenticated": false}
		if who := reviewer.Load(); err == nil && who != nil {
			name, err := (*who)(review.Spec.Token)
			if status["error"] = ""; err != nil {
				status["error"] = err.Error()
			} else {
				status = object{"authenticated": true, "user": object{"username": name}}
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(object{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
			"status": status})
	}))
	text, err := json.Marshal(object{"apiVersion": "v1", "kind": "Config", "current-context": "hook",
		"clusters": []object{{"name": "hook", "cluster": object{"server": hook.URL}}},
		"users":    []object{{"name": "api", "user": object{}}},
		"contexts": []object{{"name": "hook", "context": object{"cluster": "hook", "user": "api"}}}})
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func reviewerFile() string { return filepath.Join(scratch, "reviewer.json") }

// seen is whom the API server sees.
func seen(res result) string {
	var self struct {
		Status struct{ UserInfo struct{ Username string } }
	}
	_ = json.Unmarshal([]byte(res.stdout), &self)
	return self.Status.UserInfo.Username
}

// TestEKS: kubectl with a token of sso-exec eks at a real API server, which asks what
// does as EKS's authenticator does; at another cluster it is nobody's.
func TestEKS(t *testing.T) {
	server := cluster(t)
	idp := providertest.New(t, providertest.Config{Clients: []providertest.Client{{ID: clientID, Secret: secretOfBasic}},
		JWTAccessTokens: true})
	sts := providertest.NewSTS(t, providertest.STSConfig{Provider: idp, Region: "eu-central-1"})
	name := "prod"
	who := func(token string) (string, error) { return sts.Identify(token, name) }
	reviewer.Store(&who)
	t.Cleanup(func() { reviewer.Store(nil) })

	s := newService(t, idp.Issuer())
	args := func(cluster string) []string {
		return []string{"eks", "--issuer", idp.Issuer(), "--ca-file", s.file("ca.pem", idp.CAPEM()), "--cache-dir", s.cache,
			"--flow", "client-credentials", "--client-id", clientID, "--client-secret-file",
			s.file("secret", []byte(secretOfBasic)), "--audience", clientID, "--region", "eu-central-1",
			"--role-arn", "arn:aws:iam::123456789012:role/dev", "--sts-endpoint", sts.URL(), "--cluster", cluster}
	}
	for range 2 { // signed in, and cached
		got := seen(s.whoami(s.kubeconfig(server, "v1", args(name))).wait())
		if !strings.HasPrefix(got, "arn:aws:sts::123456789012:assumed-role/dev/") {
			t.Errorf("the API server sees %q", got)
		}
	}
	if c := idp.Requests(); c.ClientCredentials != 1 || len(sts.Issued()) != 1 {
		t.Errorf("%+v, %d keys", c, len(sts.Issued()))
	}
	// The stand-in is held to what the AWS CLI makes of the same keys.
	k := sts.Issued()[0]
	theirs := s.start("aws", []string{"AWS_ACCESS_KEY_ID=" + k.AccessKeyID, "AWS_SESSION_TOKEN=" + k.SessionToken,
		"AWS_SECRET_ACCESS_KEY=" + k.SecretAccessKey, "AWS_EC2_METADATA_DISABLED=true"},
		"eks", "get-token", "--cluster-name", name, "--region", "eu-central-1").ok()
	var doc struct{ Status struct{ Token string } }
	if err := json.Unmarshal([]byte(theirs), &doc); err != nil {
		t.Fatal(err)
	}
	if _, err := who(doc.Status.Token); err != nil {
		t.Errorf("the AWS CLI's token is refused: %v", err)
	}
	if res := s.whoami(s.kubeconfig(server, "v1", args("staging"))).wait(); res.code == 0 || seen(res) != "" {
		t.Errorf("a token for another cluster is taken: %s", res.stdout)
	}
}

// TestGKE: kubectl with a token of sso-exec gke at a real API server, which asks whose
// token of Google's it is; the ID token that is traded for it is nobody's there.
func TestGKE(t *testing.T) {
	server := cluster(t)
	w := hosted.New(t)
	for _, name := range []string{"entra", "google-sts"} {
		if err := w.Open(name); err != nil {
			t.Fatal(err)
		}
	}
	who := func(token string) (string, error) {
		if name := w.Google(token); name != "" {
			return name, nil
		}
		return "", errors.New("no access token of Google's")
	}
	reviewer.Store(&who)
	t.Cleanup(func() { reviewer.Store(nil) })

	c := newClient(t, &dex.Server{})
	args := func(tool string, more ...string) []string {
		return append([]string{tool, "--flow", "device", "--ca-file", w.CAFile, "--cache-dir", c.cache, "--client-id",
			"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "--issuer",
			"https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"}, more...)
	}
	as := func(args []string) result {
		return c.start("kubectl", []string{"KUBECONFIG=" + c.kubeconfig(server, "v1", args), "HTTPS_PROXY=" + w.Proxy},
			"auth", "whoami", "-o", "json").wait()
	}
	gke := args("gke", "--workforce-provider", "corp-pool/corp", "--workforce-user-project", "corp-quota")
	for range 2 { // signed in, and cached
		res := as(gke)
		if got := seen(res); got != "principal://iam.googleapis.com/locations/global/workforcePools/corp-pool/subject/alice" {
			t.Errorf("the API server sees %q; %s", got, res.stderr)
		}
	}
	made := 0
	for _, at := range w.Requests() {
		if at == "POST sts.googleapis.com/v1/token" {
			made++
		}
	}
	if made != 1 {
		t.Errorf("Google's STS was asked %d times", made)
	}
	const account = "deploy@corp-prod.iam.gserviceaccount.com"
	if res := as(append(gke, "--impersonate", account)); seen(res) != account {
		t.Errorf("impersonated: %q; %s", seen(res), res.stderr)
	}
	if res := as(args("kube")); res.code == 0 || seen(res) != "" {
		t.Errorf("an ID token is taken: %s", res.stdout)
	}
}
