package workload

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// gcp asks the metadata server of Google Cloud for an ID token of the attached
// service account (Google Cloud documentation: "Verify VM identity", "Fetch
// identity tokens using the metadata server"). It is signed by
// https://accounts.google.com and lives for an hour.
type gcp struct {
	base
	account string // "default" or an e-mail address
}

const (
	gcpHost     = "metadata.google.internal"
	gcpHostVar  = "GCE_METADATA_HOST" // another host, as Google's own libraries read it
	gcpFlavor   = "Metadata-Flavor"
	gcpFirmware = "/sys/class/dmi/id/product_name"
)

func newGCP(b base, account string) (Source, error) {
	account = cmp.Or(account, "default")
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.@_-]*$`).MatchString(account) {
		return nil, errors.New("what follows gcp: is neither a service account's e-mail address nor default")
	}
	return &gcp{b, account}, nil
}

func (s *gcp) FixedAudience() bool { return false }

func (s *gcp) Available() error {
	if _, err := s.host(); err != nil {
		return err
	}
	switch {
	case s.env.Getenv(gcpHostVar) != "":
		return nil
	// Cloud Run sets these, and so does Knative in any cluster.
	case s.env.Getenv("KUBERNETES_SERVICE_HOST") == "" &&
		(s.env.Getenv("K_SERVICE") != "" || s.env.Getenv("CLOUD_RUN_JOB") != ""):
		return nil
	// "Google" or "Google Compute Engine"; in GKE's pods it can be read too.
	case strings.HasPrefix(s.env.firmware(gcpFirmware), "Google"):
		return nil
	}
	return s.notHere("nothing says that this is Google Cloud ("+gcpHostVar+" and K_SERVICE are not set, "+gcpFirmware+
		" does not name Google)",
		"if it is one: "+gcpHostVar+"="+gcpHost)
}

// host is that of the metadata server: a name or an address, and maybe a port.
func (s *gcp) host() (string, error) {
	host := s.env.Getenv(gcpHostVar)
	if host == "" {
		return gcpHost, nil
	}
	if !regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`).MatchString(host) {
		return "", s.notHere(gcpHostVar + " is not a host, as in " + gcpHost)
	}
	return host, nil
}

func (s *gcp) Token(ctx context.Context, audience string) (Token, error) {
	if err := s.Available(); err != nil {
		return Token{}, err
	}
	if audience == "" {
		return Token{}, s.notHere("Google Cloud makes a token for an audience only", "say which: --subject-token-audience")
	}
	host, err := s.host()
	if err != nil {
		return Token{}, err
	}
	u := &url.URL{
		Scheme: "http", Host: host,
		Path:     "/computeMetadata/v1/instance/service-accounts/" + s.account + "/identity",
		RawQuery: url.Values{"audience": {audience}, "format": {"full"}}.Encode(),
	}
	r := request{client: s.env.Metadata, doing: "Google Cloud's metadata server", url: u,
		header: map[string]string{gcpFlavor: "Google"}}
	a, err := s.env.send(ctx, r)
	if err != nil {
		return Token{}, err
	}
	// "About VM metadata": who checks this header knows that a metadata server
	// answered, and no proxy or network page.
	if a.Header.Get(gcpFlavor) != "Google" {
		return Token{}, r.garbled("the answer of %s does not come from a metadata server (no %s: Google, status %d)", host,
			gcpFlavor, a.Status)
	}
	switch a.Status {
	case http.StatusOK:
	case http.StatusNotFound:
		return Token{}, a.refused(s.base, "the metadata server", a.words(),
			"is the service account "+s.account+" attached to this machine, pod or service?")
	default:
		return Token{}, a.refused(s.base, "the metadata server", a.words())
	}
	return a.token(r, "the ID token from the metadata server", strings.TrimSpace(string(a.Body)), audience)
}

func (s *gcp) Principal() (string, error) {
	host, err := s.host()
	if err != nil {
		return "", err
	}
	return s.machine(host, s.account), nil
}

// machine says who a workload is that a metadata server knows: the machine, the
// pod, or the service, which can share a directory with others.
func (b base) machine(parts ...string) string {
	name, _ := b.env.hostname()
	parts = append(parts, name)
	for _, variable := range []string{"K_SERVICE", "CLOUD_RUN_JOB", "WEBSITE_SITE_NAME", "CONTAINER_APP_NAME"} {
		parts = append(parts, b.env.Getenv(variable))
	}
	if token, err := b.readOnce(b.env.system(serviceAccountToken), true); err == nil {
		parts = append(parts, who(token)...)
	}
	return principal(parts...)
}
