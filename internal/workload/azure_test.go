package workload

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const (
	azureClient = "11111111-2222-3333-4444-555555555555"
	exchange    = "api://AzureADTokenExchange"
	exchangeID  = "fb60f99c-7a34-4190-8149-302f77469936" // what the real service writes for it
	identity    = requestToken
)

// fakeAzure answers as the instance metadata service and App Service's endpoint
// are documented, whichever is asked.
func fakeAzure(expires string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		w.Header().Set("Content-Type", "application/json")
		fail := func(status int, body string) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
		if r.URL.Path == "/metadata/identity/oauth2/token" {
			if r.Header.Get("Metadata") != "true" || q.Get("api-version") != "2018-02-01" {
				fail(400, `{"error":"bad_request_102","error_description":"Required metadata header not specified"}`)
				return
			}
		} else if r.URL.Path != "/msi/token" || r.Header.Get("X-IDENTITY-HEADER") != identity ||
			q.Get("api-version") != "2019-08-01" {
			fail(401, `{"statusCode":401,"message":"No access."}`)
			return
		}
		switch {
		case q.Get("client_id") != "" && q.Get("client_id") != azureClient:
			fail(400, `{"error":"invalid_request","error_description":"Identity not found"}`)
		case q.Get("resource") == "api://unknown":
			fail(400, `{"error":"invalid_resource","error_description":"AADSTS500011: The resource principal named api://unknown was not found"}`)
		default:
			aud := q.Get("resource")
			if aud == exchange {
				aud = exchangeID
			}
			fmt.Fprintf(w, `{"access_token":%q,"client_id":%q,"expires_in":"86399","expires_on":%s,"ext_expires_in":"86399","not_before":"1","resource":%q,"token_type":"Bearer"}`,
				good(aud), azureClient, expires, q.Get("resource"))
		}
	}
}

func azureApp(t *testing.T, h http.HandlerFunc) Env {
	return at(t, map[string]string{"IDENTITY_ENDPOINT": serve(t, h).URL + "/msi/token", "IDENTITY_HEADER": identity})
}

func azureMachine(t *testing.T, h http.HandlerFunc) Env {
	return at(t, map[string]string{azureHostVar: serve(t, h).URL + "/"})
}

func TestAzure(t *testing.T) {
	for name, place := range map[string]func(*testing.T, http.HandlerFunc) Env{"app": azureApp, "machine": azureMachine} {
		for _, expires := range []string{fmt.Sprint(now + 600), fmt.Sprintf(`"%d"`, now+600)} {
			t.Run(name+" "+expires, func(t *testing.T) {
				env := place(t, fakeAzure(expires))
				s := parse(t, "azure", env)
				if err := s.Available(); err != nil || s.FixedAudience() {
					t.Error(err, s.FixedAudience())
				}
				for _, audience := range []string{exchange, "https://vault.azure.net", "https://storage.azure.com/", exchangeID} {
					token := check(t, s, audience, "ok", "")
					if token.Type != TypeAccessToken || token.Expires.Unix() != now+600 {
						t.Errorf("%s: %s, %v", audience, token.Type, token.Expires)
					}
				}
				check(t, parse(t, "azure:"+azureClient, env), exchange, "ok", "")
				check(t, parse(t, "azure:99999999-2222-3333-4444-555555555555", env), exchange, "refused",
					"Identity not found\nis a managed identity assigned")
				check(t, s, "api://unknown", "refused", "Application ID URI")
				check(t, s, "", "not here", "--subject-token-audience")
			})
		}
	}
}

func TestAzureHostile(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	with := func(token, more string) http.HandlerFunc {
		return answer(200, fmt.Sprintf(`{"access_token":%q%s}`, token, more))
	}
	noExp := func(c map[string]any) string { c["exp"] = "nonsense"; return jwt(c) }
	for name, c := range map[string]struct {
		answer      http.HandlerFunc
		kind, words string
	}{
		"HTML":         {answer(200, "<html>"), "garbled", "not the expected JSON"},
		"HTML refusal": {answer(403, "<html>"), "refused", "status 403"},
		"200 with an error": {answer(200, `{"error":"invalid_request","error_description":"no \u0007"}`), "refused",
			"invalid_request: no"},
		"empty object": {answer(200, `{}`), "garbled", "has no token"},
		"updating":     {answer(410, `{}`), "unavailable", "being updated"},
		"no identity": {answer(404, `{"error":"invalid_request","error_description":"Identity not found"}`),
			"refused", "is a managed identity assigned"},
		"opaque":           {with(canary, ""), "garbled", "without a token"},
		"two lines":        {with(good(exchange)+"\nX: y", ""), "garbled", "without a token"},
		"wrong audience":   {with(good("https://evil.example"), ""), "verify", "evil.example"},
		"another resource": {with(good(exchange), `,"resource":"https://evil.example"`), "verify", "evil.example"},
		"expired":          {with(jwt(map[string]any{"aud": exchange, "exp": now - 1}), ""), "verify", "ended at"},
		"expired by the body": {with(noExp(map[string]any{"aud": exchange}), fmt.Sprintf(`,"expires_on":"%d"`, now-1)),
			"verify", "ended at"},
		"no end at all": {with(noExp(map[string]any{"aud": exchange}), `,"expires_on":"9/14/2017 00:00:00 PM +00:00"`), "ok",
			""},
		"redirect": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Location", "/"); w.WriteHeader(307) },
			"garbled", "redirects"},
	} {
		for place, env := range map[string]Env{"app": azureApp(t, c.answer), "machine": azureMachine(t, c.answer)} {
			t.Run(name+" "+place, func(t *testing.T) {
				check(t, parse(t, "azure", env), exchange, c.kind, c.words)
			})
		}
	}
	echo := answer(400, `{"error":"x","error_description":"you sent `+identity+`"}`)
	check(t, parse(t, "azure", azureApp(t, echo)), exchange, "refused", "x: you sent [secret]")
	// An application that was asked for by its client ID is not any other.
	check(t, parse(t, "azure", azureApp(t, with(good(exchangeID), ""))), azureClient, "verify", exchangeID)
}

func TestAzureEvidence(t *testing.T) {
	for name, c := range map[string]struct {
		vars     map[string]string
		firmware string
		words    string // empty: available
	}{
		"nothing":     {nil, "", "nothing says that this is Azure"},
		"the machine": {nil, azureTag + "\n", ""},
		"Hyper-V":     {nil, "1234-5678", "nothing says"},
		"Arc": {map[string]string{"IDENTITY_ENDPOINT": "http://localhost:40342/x",
			"IMDS_ENDPOINT": "http://localhost:40342"}, "", "Azure Arc"},
		"Service Fabric": {map[string]string{"IDENTITY_ENDPOINT": "https://10.0.0.4:2377/x", "IDENTITY_HEADER": "h",
			"IDENTITY_SERVER_THUMBPRINT": "t"}, "", "Service Fabric"},
		"an app": {map[string]string{"IDENTITY_ENDPOINT": "http://169.254.130.4:8081/msi/token",
			"IDENTITY_HEADER": "h"}, "", ""},
		"a container app": {map[string]string{"IDENTITY_ENDPOINT": "http://localhost:12356/msi/token",
			"IDENTITY_HEADER": "h"}, "", ""},
		"an app's network": {map[string]string{"IDENTITY_ENDPOINT": "http://172.16.0.4:8081/msi/token",
			"IDENTITY_HEADER": "h"}, "", ""},
		"far away": {map[string]string{"IDENTITY_ENDPOINT": "http://evil.example/msi", "IDENTITY_HEADER": "h"}, "",
			"must be https"},
		"a public address": {map[string]string{"IDENTITY_ENDPOINT": "http://8.8.8.8/msi", "IDENTITY_HEADER": "h"}, "",
			"must be https"},
		"a header's end": {map[string]string{"IDENTITY_ENDPOINT": "http://127.0.0.1/msi", "IDENTITY_HEADER": "h\nX: y"},
			"", "cannot be sent"},
		"no host":            {map[string]string{azureHostVar: "169.254.169.254"}, "", "is not a URL"},
		"IMDS":               {map[string]string{azureHostVar: azureIMDS}, "", ""},
		"AKS in front of it": {map[string]string{azureHostVar: "http://user@127.0.0.1"}, "", "is not a URL"},
	} {
		env := at(t, c.vars)
		if c.firmware != "" {
			put(t, env.Root, azureFirmware, c.firmware)
		}
		err := parse(t, "azure", env).Available()
		clean(t, err)
		if (err == nil) != (c.words == "") || !strings.Contains(said(err), c.words) {
			t.Errorf("%s: %v", name, said(err))
		}
	}
	if _, err := Parse("azure:my-identity", at(t, nil)); err == nil {
		t.Error("a name is taken for a client ID")
	}
}

// 404 and 410 of the metadata service pass by themselves.
func TestAzureUpdating(t *testing.T) {
	for _, status := range []int{404, 410} {
		asked := 0
		env := azureMachine(t, func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked == 1 {
				w.WriteHeader(status)
				return
			}
			fakeAzure("1")(w, r)
		})
		check(t, parse(t, "azure", env), exchange, "ok", "")
		if asked != 2 {
			t.Errorf("status %d: asked %d times", status, asked)
		}
	}
}

func TestCheckNear(t *testing.T) {
	for _, bad := range []string{"", "/x", "http://", "http:x", "ftp://127.0.0.1", "http://127.0.0.1.evil.example",
		"http://localhost.evil.example", "http://127.0.0.1/\x1b"} {
		if u, err := checkNear("X", bad); err == nil {
			t.Errorf("%q is taken: %v", bad, u)
		}
	}
	if u, err := checkNear("X", "http://[::1]:80/a?b=c"); err != nil || u.Query().Get("b") != "c" {
		t.Error(u, err)
	}
}
