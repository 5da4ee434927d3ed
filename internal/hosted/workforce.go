package hosted

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The workforce provider, its project, and the service account that people may
// impersonate.
const (
	workforceProvider = "//iam.googleapis.com/locations/global/workforcePools/corp-pool/providers/corp"
	workforceProject  = "corp-quota"
	workforceAccount  = "deploy@corp-prod.iam.gserviceaccount.com"
	workforcePerson   = "principal://iam.googleapis.com/locations/global/workforcePools/corp-pool/subject/"
	cloudScopes       = "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email"
)

// Google tells whose access token of Google's this is, as a cluster of GKE hears it; empty:
// it is none.
func (w *World) Google(token string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.google[token]
}

// openGoogleSTS is Google's STS, with a workforce provider that trusts the stand-in of
// Entra ID and its client, and the IAM Service Account Credentials API. The option
// user-project says that a project must be named.
func openGoogleSTS(w *World) {
	deny := func(rw http.ResponseWriter, status int, code, message string) {
		answer(rw, status, map[string]any{"error": map[string]any{"code": status, "status": code, "message": message}})
	}
	token := func(begins, whose string) string {
		text := begins + rand.Text()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.google[text] = whose
		return text
	}
	s := &server{w: w}
	w.Handle("sts.googleapis.com", s.only(http.MethodPost, func(rw http.ResponseWriter, r *http.Request) {
		f, now := r.PostForm, time.Now().Unix()
		must := []string{"grant_type", "audience", "scope", "requested_token_type", "subject_token", "subject_token_type"}
		if !s.known(rw, r, f, must, []string{"options"}) {
			return
		}
		const types = "urn:ietf:params:oauth:token-type:"
		var claims struct {
			Iss, Aud, Sub string
			Exp, Iat      int64
		}
		var options map[string]string
		jws, err := jose.ParseSignedCompact(f.Get("subject_token"), []jose.SignatureAlgorithm{jose.RS256})
		var payload []byte
		if err == nil {
			payload, err = jws.Verify(signingKey().Public())
		}
		if err == nil {
			err = json.Unmarshal(payload, &claims)
		}
		switch {
		case r.URL.Path != "/v1/token" || r.Header.Get("Authorization") != "":
			w.Violatef(rw, r, "path %s, or a client that authenticates", r.URL.Path)
		case f.Get("grant_type") != "urn:ietf:params:oauth:grant-type:token-exchange" || f.Get("scope") != cloudScopes ||
			f.Get("requested_token_type") != types+"access_token":
			w.Violatef(rw, r, "grant %s of %s for %s", f.Get("grant_type"), f.Get("requested_token_type"), f.Get("scope"))
		case f.Get("subject_token_type") != types+"id_token" && f.Get("subject_token_type") != types+"jwt":
			w.Violatef(rw, r, "subject_token_type %s", f.Get("subject_token_type"))
		case f.Get("options") != "" && json.Unmarshal([]byte(f.Get("options")), &options) != nil:
			w.Violatef(rw, r, "options %s", f.Get("options"))
		case f.Get("audience") != workforceProvider:
			refuse(rw, 400, "invalid_target", "The target service indicated by the \"audience\" parameters is invalid.")
		case err != nil:
			refuse(rw, 400, "invalid_grant", "The signature of the subject token cannot be verified: "+f.Get("subject_token"))
		case claims.Iss != "https://login.microsoftonline.com/"+entraTenant+"/v2.0":
			refuse(rw, 400, "invalid_grant", "The issuer in ID Token "+claims.Iss+" does not match the expected one.")
		case claims.Aud != entraClient:
			refuse(rw, 400, "invalid_grant", "The audience in ID Token ["+claims.Aud+"] does not match the expected audience.")
		case claims.Exp <= now || claims.Exp > claims.Iat+24*60*60:
			refuse(rw, 400, "invalid_grant", "ID Token has ended.")
		case options["userProject"] != workforceProject && (f.Get("options") != "" || w.Option("user-project") != ""):
			deny(rw, 403, "PERMISSION_DENIED", "Caller does not have required permission to use project.")
		default:
			answer(rw, 200, map[string]any{"access_token": token("ya29.", workforcePerson+claims.Sub),
				"issued_token_type": types + "access_token",
				"token_type":        "Bearer", "expires_in": 3599})
		}
	}))
	w.Handle("iamcredentials.googleapis.com", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		ok = ok && strings.HasPrefix(w.Google(bearer), workforcePerson)
		body, err := io.ReadAll(r.Body)
		var asked struct {
			Scope    []string
			Lifetime string
		}
		account, isToken := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v1/projects/-/serviceAccounts/"),
			":generateAccessToken")
		switch {
		case err != nil || json.Unmarshal(body, &asked) != nil || r.Method != http.MethodPost || !isToken ||
			r.Header.Get("Content-Type") != "application/json" || r.URL.RawQuery != "" ||
			strings.Join(asked.Scope, " ") != cloudScopes || asked.Lifetime != "3600s":
			w.Violatef(rw, r, "not a generateAccessToken: %s", body)
		case !ok:
			deny(rw, 401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
		case account != workforceAccount:
			deny(rw, 403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource.")
		default:
			answer(rw, 200, map[string]any{"accessToken": token("ya29.sa.", account),
				"expireTime": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
		}
	}))
}
