package main

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sso-exec/sso-exec/providertest"
)

var tampers = map[string]providertest.Tamper{
	"alg-none": providertest.AlgNone, "alg-hs256": providertest.AlgHS256, "unknown-key": providertest.UnknownKey,
	"bad-signature": providertest.BadSignature, "wrong-issuer": providertest.WrongIssuer,
	"wrong-audience": providertest.WrongAudience,
	"extra-audience": providertest.ExtraAudience, "wrong-nonce": providertest.WrongNonce, "no-nonce": providertest.NoNonce,
	"wrong-at-hash": providertest.WrongATHash, "other-subject": providertest.OtherSubject,
	"missing": providertest.MissingIDToken,
	"no-acr":  providertest.SetClaim("acr", nil), "weak-acr": providertest.SetClaim("acr", "pwd"),
	"no-auth-time":  providertest.SetClaim("auth_time", nil),
	"new-auth-time": func(t *providertest.IDToken) { t.Claims["auth_time"] = t.Claims["iat"] },

	"expired": providertest.Expired, "future": providertest.FromTheFuture,
}

// cmdIDP steers the provider of a script.
//
//	idp start [k=v ...]          start it; SSO_EXEC_ISSUER, _CLIENT_ID and _CA_FILE are set
//	idp requests KIND N          that many requests of a kind were made (all, discovery, token, refresh_token ...)
//	idp reset                    count from here
//	idp fault ENDPOINT k=v ...   break an endpoint; idp clear fixes all
//	idp set ENDPOINT NAME JSON   change a member of its answers; idp unset ENDPOINT NAME
//	idp tamper N NAME            spoil the next N ID tokens (0: all)
//	idp deny CODE | user SUB | rotate-keys | revoke SUB | approve | refuse | polls STEP ...
//	idp live                     the refresh token in the one stored session is the provider's live one
//	idp session AGE              the browser has been signed in there for that long
//	idp asked ENDPOINT NAME VALUE  the last request to it had this parameter; "-": it had none
//	idp reuses N | violations N
func cmdIDP(ts *testscript.TestScript, _ bool, args []string) {
	w := ts.Value("world").(*world)
	if args[0] == "start" {
		startIDP(ts, w, args[1:])
		return
	}
	p := w.idp
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		ts.Check(err)
		return n
	}
	equal := func(what string, got, want int) {
		if got != want {
			ts.Fatalf("%s: %d, want %d", what, got, want)
		}
	}
	switch args[0] {
	case "reset":
		p.ResetRequests()
	case "requests":
		equal(args[1]+" requests", countOf(p.Requests(), args[1]), number(args[2]))
	case "await": // a request, which may not be answered yet
		for range 3000 {
			if countOf(p.Requests(), args[1]) > 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		equal(args[1]+" requests", countOf(p.Requests(), args[1]), 1)
	case "fault":
		p.Fault(providertest.Endpoint(args[1]), parseFault(ts, args[2:]))
	case "clear":
		p.ClearFaults()
	case "set":
		var v any
		ts.Check(json.Unmarshal([]byte(args[3]), &v))
		p.Edit(providertest.Endpoint(args[1]), providertest.With(args[2], v))
	case "unset":
		p.Edit(providertest.Endpoint(args[1]), providertest.Without(args[2]))
	case "unedit":
		p.Edit(providertest.Endpoint(args[1]), nil)
	case "tamper":
		t, ok := tampers[strings.TrimPrefix(args[2], "refresh:")]
		if !ok {
			ts.Fatalf("no tamper %q", args[2])
		}
		if strings.HasPrefix(args[2], "refresh:") {
			t = providertest.OnRefresh(t)
		}
		p.TamperIDToken(number(args[1]), t)
	case "untamper":
		p.TamperIDToken(0, nil)
	case "deny":
		p.DenyLogins(strings.Join(args[1:], ""))
	case "user":
		p.SetUser(providertest.User{Subject: args[1], Email: args[1] + "@corp.example"})
	case "rotate-keys":
		ts.Check(p.RotateKeys())
	case "revoke":
		p.RevokeSession(args[1])
	case "approve", "refuse":
		codes := p.PendingUserCodes()
		for range 3000 {
			if len(codes) > 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
			codes = p.PendingUserCodes()
		}
		equal("pending user codes", len(codes), 1)
		if args[0] == "approve" {
			ts.Check(p.ApproveDevice(codes[0]))
		} else {
			ts.Check(p.DenyDevice(codes[0]))
		}
	case "polls":
		p.ScriptDevicePolls(args[1:]...)
	case "live":
		var rec struct{ RefreshToken string }
		b, err := os.ReadFile(oneFile(ts, filepath.Join(ts.Getenv("CACHE"), "sessions", "*.json")))
		ts.Check(err)
		ts.Check(json.Unmarshal(b, &rec))
		if !p.Alive(rec.RefreshToken) {
			ts.Fatalf("the stored refresh token is not live at the provider")
		}
	case "session":
		age, err := time.ParseDuration(args[1])
		ts.Check(err)
		p.SetSession(time.Now().Add(-age))
	case "asked":
		got := "-"
		for _, r := range p.Log() {
			if string(r.Endpoint) == args[1] {
				got = "-"
				for _, q := range []url.Values{r.Query, r.Form} {
					if q.Has(args[2]) {
						got = q.Get(args[2])
					}
				}
			}
		}
		if got != args[3] {
			ts.Fatalf("%s was asked with %s=%s, want %s", args[1], args[2], got, args[3])
		}
	case "reuses":
		equal("reuses", p.Reuses(), number(args[1]))
	case "violations":
		if v := p.Violations(); len(v) != number(args[1]) {
			ts.Fatalf("violations: %q", v)
		}
	default:
		ts.Fatalf("idp %s: no such command", args[0])
	}
}

func startIDP(ts *testscript.TestScript, w *world, args []string) {
	c := providertest.Config{DeviceInterval: 1, AccessTokenLifetime: time.Hour}
	client := providertest.Client{ID: "cli"}
	for _, arg := range args {
		k, v, _ := strings.Cut(arg, "=")
		duration := func() time.Duration {
			d, err := time.ParseDuration(v)
			ts.Check(err)
			return d
		}
		switch k {
		case "http":
			c.PlainHTTP = true
		case "path":
			c.IssuerPath = v
		case "access":
			c.AccessTokenLifetime = duration()
		case "id":
			c.IDTokenLifetime = duration()
		case "clock": // how far it is ahead of the test's
			ahead := duration()
			c.Now = func() time.Time { return time.Now().Add(ahead) }
		case "iss":
			c.ResponseIss = true
		case "alg":
			c.Alg = v
		case "interval":
			c.DeviceInterval, _ = strconv.Atoi(v)
		case "device-life":
			c.DeviceLifetime = duration()
		case "approve-after":
			c.DeviceApproveAfter, _ = strconv.Atoi(v)
		case "secret":
			client.Secret = v
		case "auth":
			client.AuthMethod = v
		case "client":
			client.ID = v
		case "cert": // the client's, for assertions
			client.JWKS = jwksOf(ts, v)
		case "federated": // the certificate of another issuer's key, the issuer, a subject, an audience
			f := strings.Split(v, ",")
			c.TrustedIssuers = map[string][]byte{f[1]: jwksOf(ts, f[0])}
			client.Federated = []providertest.Workload{{Issuer: f[1], Subject: f[2], Audience: f[3]}}
		case "assertion":
			c.AssertionAudience = v
		case "redirect":
			client.RedirectURIs = append(client.RedirectURIs, v)
		case "grace":
			c.RotationGrace = duration()
		case "par":
			c.RequirePAR = true
		case "acr":
			c.ACRs = strings.Split(v, ",")
		case "ignore-step-up":
			c.IgnoreStepUp = true
		case "no-rotation":
			c.NoRotation = true
		case "scopes":
			c.Scopes = strings.Split(v, ",")
		case "without":
			c.EditMetadata = providertest.Without(v)
		default:
			ts.Fatalf("idp start: no option %q", k)
		}
	}
	c.Clients = []providertest.Client{client}
	p, err := providertest.Start(c)
	ts.Check(err)
	if w.idp != nil {
		w.idp.Close()
	}
	w.idp = p
	ts.Setenv("ISSUER", p.Issuer())
	ts.Setenv("SSO_EXEC_ISSUER", p.Issuer())
	ts.Setenv("SSO_EXEC_CLIENT_ID", client.ID)
	if pem := p.CAPEM(); pem != nil {
		ca := ts.MkAbs("idp-ca.pem")
		ts.Check(os.WriteFile(ca, pem, 0o600))
		ts.Setenv("SSO_EXEC_CA_FILE", ca)
		ts.Setenv("IDP_CA", ca)
	}
}

// jwksOf is the key of a certificate, found by its thumbprint.
func jwksOf(ts *testscript.TestScript, file string) []byte {
	block, _ := pem.Decode([]byte(ts.ReadFile(file)))
	cert, err := x509.ParseCertificate(block.Bytes)
	ts.Check(err)
	digest := sha256.Sum256(cert.Raw)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: cert.PublicKey,
		CertificateThumbprintSHA256: digest[:]}}})
	ts.Check(err)
	return set
}

func countOf(c providertest.Counts, kind string) int {
	b, _ := json.Marshal(c)
	var m map[string]int
	_ = json.Unmarshal(b, &m)
	for k, n := range m {
		if strings.EqualFold(k, strings.ReplaceAll(kind, "_", "")) {
			return n
		}
	}
	return -1
}

func parseFault(ts *testscript.TestScript, args []string) (f providertest.Fault) {
	for _, arg := range args {
		k, v, _ := strings.Cut(arg, "=")
		var err error
		switch k {
		case "status":
			f.Status, err = strconv.Atoi(v)
		case "times":
			f.Times, err = strconv.Atoi(v)
		case "delay":
			f.Delay, err = time.ParseDuration(v)
		case "drop":
			f.Drop = true
		case "after":
			f.AfterProcessing = true
		case "cut":
			f.CutAfter, err = strconv.Atoi(v)
		case "body":
			f.Body = v
		case "redirect":
			f.Redirect = v
		case "oversize":
			f.OversizeBytes, err = strconv.ParseInt(v, 10, 64)
		default:
			ts.Fatalf("no fault %q", k)
		}
		ts.Check(err)
	}
	return f
}

// cmdSTS steers the STS of a script: sts start [life=1h] [region=R] [external-id=ROLE,ID],
// sts fail CODE ..., sts requests N, sts fault k=v ..., sts violations N, sts name NAME,
// sts asked PARAMETER VALUE (of the last request; "-": it had none), sts adopt ROLE (whose
// keys are what aws printed), sts eks CLUSTER SESSION (the ExecCredential on stdout is of
// role/session; with !, the cluster refuses it).
func cmdSTS(ts *testscript.TestScript, neg bool, args []string) {
	w := ts.Value("world").(*world)
	switch args[0] {
	case "start":
		c := providertest.STSConfig{Provider: w.idp}
		for _, arg := range args[1:] {
			if d, ok := strings.CutPrefix(arg, "life="); ok {
				life, err := time.ParseDuration(d)
				ts.Check(err)
				c.KeyLifetime = life
			}
			if region, ok := strings.CutPrefix(arg, "region="); ok {
				c.Region = region
			}
			if external, ok := strings.CutPrefix(arg, "external-id="); ok {
				role, id, _ := strings.Cut(external, ",")
				c.ExternalIDs = map[string]string{role: id}
			}
		}
		s, err := providertest.StartSTS(c)
		ts.Check(err)
		w.sts = s
		ts.Setenv("SSO_EXEC_STS_ENDPOINT", s.URL())
		ts.Setenv("SSO_EXEC_ROLE_ARN", "arn:aws:iam::123456789012:role/dev")
	case "fail":
		w.sts.FailNext(args[1:]...)
	case "fault":
		w.sts.Fault(parseFault(ts, args[1:]))
	case "clear":
		w.sts.ClearFaults()
	case "requests":
		if got := strconv.Itoa(w.sts.Requests()); got != args[1] {
			ts.Fatalf("%s requests to the STS, want %s", got, args[1])
		}
	case "violations":
		if v := w.sts.Violations(); strconv.Itoa(len(v)) != args[1] {
			ts.Fatalf("violations: %q", v)
		}
	case "name":
		issued := w.sts.Issued()
		if len(issued) == 0 || issued[len(issued)-1].RoleSessionName != args[1] {
			ts.Fatalf("issued: %+v", issued)
		}
	case "adopt":
		k := providertest.Keys{RoleARN: args[1], RoleSessionName: "me"}
		var doc struct{ AccessKeyId, SecretAccessKey, SessionToken string } //nolint:revive // AWS's names
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc))
		k.AccessKeyID, k.SecretAccessKey, k.SessionToken = doc.AccessKeyId, doc.SecretAccessKey, doc.SessionToken
		if k.AccessKeyID == "" {
			ts.Fatalf("no keys on stdout")
		}
		w.sts.Adopt(k)
	case "eks":
		var doc struct{ Status struct{ Token string } }
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &doc))
		arn, err := w.sts.Identify(doc.Status.Token, args[1])
		if (err != nil) != neg || !neg && !strings.HasSuffix(arn, ":assumed-role/"+args[2]) {
			ts.Fatalf("the cluster sees %q, %v", arn, err)
		}
	case "asked":
		log, got := w.sts.Log(), "-"
		if form := log[len(log)-1].Form; form.Has(args[1]) {
			got = form.Get(args[1])
		}
		if got != args[2] {
			ts.Fatalf("STS was asked with %s=%s, want %s", args[1], got, args[2])
		}
	default:
		ts.Fatalf("sts %s: no such command", args[0])
	}
}
