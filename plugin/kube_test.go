package plugin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientauthv1 "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	clientauthv1beta1 "k8s.io/client-go/pkg/apis/clientauthentication/v1beta1"

	"github.com/sso-exec/sso-exec/credential"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// bearer is a token that was issued at noon for so long; 0: no known end.
func bearer(token string, life time.Duration) credential.Credential {
	c := credential.Credential{Token: credential.NewSecret(token), TokenType: "Bearer", IssuedAt: noon}
	if life != 0 {
		c.ExpiresAt = noon.Add(life)
	}
	return c
}

// oneDocument decodes strictly: one document, no field that the type lacks.
func oneDocument(t *testing.T, doc []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	if d.More() || !bytes.HasSuffix(doc, []byte("}\n")) {
		t.Errorf("%q is not one document and a newline", doc)
	}
}

// The document is what client-go's own types take, in both versions.
func TestExecCredential(t *testing.T) {
	const token = "header.payload=<&>.signature"
	for _, version := range []string{"v1", "v1beta1"} {
		for _, interactive := range []bool{false, true} {
			request := fmt.Sprintf(`{"apiVersion":"client.authentication.k8s.io/%s","kind":"ExecCredential","spec":{"interactive":%v,"cluster":{"server":"https://10.0.0.1","config":{"a":1}}},"later":true}`, version, interactive)
			req, err := ParseKubeRequest(request)
			if err != nil {
				t.Fatal(err)
			}
			if req.Interactive != interactive {
				t.Errorf("interactive is read as %v", req.Interactive)
			}
			doc, err := EncodeExecCredential(req, bearer(token, time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			var kind, apiVersion, got string
			var end *metav1.Time
			if version == "v1" {
				var c clientauthv1.ExecCredential
				oneDocument(t, doc, &c)
				kind, apiVersion, got, end = c.Kind, c.APIVersion, c.Status.Token, c.Status.ExpirationTimestamp
			} else {
				var c clientauthv1beta1.ExecCredential
				oneDocument(t, doc, &c)
				kind, apiVersion, got, end = c.Kind, c.APIVersion, c.Status.Token, c.Status.ExpirationTimestamp
			}
			if kind != "ExecCredential" || apiVersion != "client.authentication.k8s.io/"+version || got != token ||
				!end.Time.Equal(noon.Add(time.Hour-30*time.Second)) {
				t.Errorf("client-go reads %s %s %s %v", kind, apiVersion, got, end)
			}
			if !bytes.Contains(doc, []byte(token)) {
				t.Errorf("the token is escaped: %s", doc)
			}
		}
	}
}

// The end is given early: a tenth of the life, 30 seconds at most.
func TestExpirationTimestamp(t *testing.T) {
	for life, want := range map[time.Duration]string{
		time.Hour:               "2026-01-02T12:59:30Z",
		5 * time.Minute:         "2026-01-02T12:04:30Z",
		time.Minute:             "2026-01-02T12:00:54Z",
		10 * time.Second:        "2026-01-02T12:00:09Z",
		1500 * time.Millisecond: "2026-01-02T12:00:01Z",
		0:                       "", // not known: client-go asks again on a 401
	} {
		doc, err := EncodeExecCredential(KubeRequest{APIVersion: kubeV1}, bearer("t", life))
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			Status struct {
				ExpirationTimestamp *string `json:"expirationTimestamp"`
			} `json:"status"`
		}
		if err := json.Unmarshal(doc, &c); err != nil {
			t.Fatal(err)
		}
		got := c.Status.ExpirationTimestamp
		if want == "" && got != nil || want != "" && (got == nil || *got != want) {
			t.Errorf("a life of %v: %s, want %q", life, doc, want)
		}
	}
	// In UTC whatever the zone, and also where the start is not known.
	late := credential.Credential{Token: credential.NewSecret("t"), ExpiresAt: noon.In(time.FixedZone("", 5*3600))}
	doc, err := EncodeExecCredential(KubeRequest{APIVersion: kubeV1}, late)
	if err != nil || !strings.Contains(string(doc), `"2026-01-02T11:59:30Z"`) {
		t.Errorf("%s, %v", doc, err)
	}
}

// Only apiVersion decides.
func TestParseKubeRequest(t *testing.T) {
	const v1 = `"apiVersion":"client.authentication.k8s.io/v1"`
	for env, want := range map[string]KubeRequest{
		"":                                     {kubeV1, false},
		`{` + v1 + `,"kind":"ExecCredential"}`: {kubeV1, false},
		`{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","spec":{}}`: {kubeV1Beta1, false},
		`{` + v1 + `,"kind":"ExecCredential","spec":null}`:                                        {kubeV1, false},
		`{` + v1 + `,"kind":null,"spec":{"interactive":true}}`:                                    {kubeV1, true},
		`{"apiVersion":"client.authentication.k8s.io/v1beta1","spec":{"interactive":false}}`:      {kubeV1Beta1, false},
		`{` + v1 + `,"kind":"ExecCredentials"}`:                                                   {kubeV1, false},
		`{` + v1 + `,"kind":["Pod"],"spec":{"interactive":"true","cluster":7}}`:                   {kubeV1, true},
		`{` + v1 + `,"kind":7,"spec":{"interactive":"True"},"status":[]}`:                         {kubeV1, true},
		`{` + v1 + `,"spec":{"interactive":"false"}}`:                                             {kubeV1, false},
		`{` + v1 + `,"spec":{"interactive":null}}`:                                                {kubeV1, false},
		`{` + v1 + `,"spec":{"interactive":["true"]}}`:                                            {kubeV1, false},
		`{` + v1 + `,"spec":"interactive"}`:                                                       {kubeV1, false},
		`{` + v1 + `,"spec":[{"interactive":true}]}`:                                              {kubeV1, false},
		"\ufeff{" + v1 + "}\r\n":                                                                  {kubeV1, false},
		`{"apiVersion":"client.authentication.k8s.io/v1alpha1","kind":"ExecCredential"}`:          {},
		`{"apiVersion":"client.authentication.k8s.io/v2","kind":"ExecCredential"}`:                {},
		`{"apiVersion":"v1","kind":"ExecCredential"}`:                                             {},
		`{"apiVersion":["client.authentication.k8s.io/v1"]}`:                                      {},
		`{"kind":"ExecCredential"}`:                                                               {},
		`{}`:                                                                                      {}, `[]`: {}, `{`: {},
		` `: {}, `null`: {}, `"x"`: {},
		`{` + v1 + `,"kind":"ExecCredential"} {}`: {},
	} {
		got, err := ParseKubeRequest(env)
		if (err != nil) != (want == KubeRequest{}) || got != want {
			t.Errorf("%s: %+v, %v, want %+v", env, got, err, want)
		}
	}
}

func FuzzParseKubeRequest(f *testing.F) {
	f.Add("")
	f.Add(`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":true,"cluster":{"certificate-authority-data":"eA=="}}}`)
	f.Add(`{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","kind":"x"}`)
	f.Add(`{"apiversion":"client.authentication.k8s.io/v1","KIND":"ExecCredential"}`)
	f.Fuzz(func(t *testing.T, env string) {
		req, err := ParseKubeRequest(env)
		if err != nil {
			if req != (KubeRequest{}) {
				t.Errorf("%+v next to an error", req)
			}
			return
		}
		doc, err := EncodeExecCredential(req, bearer("t", time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		switch req.APIVersion {
		case kubeV1:
			oneDocument(t, doc, &clientauthv1.ExecCredential{})
		case kubeV1Beta1:
			oneDocument(t, doc, &clientauthv1beta1.ExecCredential{})
		default:
			t.Errorf("version %q", req.APIVersion)
		}
	})
}

// Of KUBERNETES_EXEC_INFO what is odd counts as absent.
func TestKubeClusterOf(t *testing.T) {
	for env, want := range map[string]string{
		"":              "{  []}",
		"nonsense":      "{  []}",
		`[]`:            "{  []}",
		`{"spec":null}`: "{  []}",
		`{"spec":{"cluster":{"server":"https://a","config":{"audience":"x","scopes":["r","w"]}}}}`: "{https://a x [r w]}",
		`{"spec":{"cluster":{"server":"https://a","config":null}}}`:                                "{https://a  []}",
		`{"spec":{"cluster":{"server":"https://a","config":"x"}}}`:                                 "{https://a  []}",
		`{"spec":{"cluster":{"server":"https://a","config":{"audience":["x"],"scopes":"r"}}}}`:     "{https://a  []}",
		`{"spec":{"cluster":{"server":["https://a"]}}}`:                                            "{  []}",
	} {
		if got := fmt.Sprint(KubeClusterOf(env)); got != want {
			t.Errorf("%s: %s, want %s", env, got, want)
		}
	}
}
