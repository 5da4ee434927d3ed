// Package awsapi is what AWS itself looks at in a request: its signature (Version 4; no
// code is shared with what signs), and the parameters of an AssumeRole….
package awsapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Request is a request as it came; Query is decoded.
type Request struct {
	Method, Path, Host, Body string
	Query                    url.Values
	Header                   http.Header
}

// Keys are what a request may be signed with.
type Keys struct {
	SecretAccessKey, SessionToken string
	Expiration                    time.Time
}

// Refusal is AWS's answer to a signature that is wrong.
type Refusal struct{ Code, Message string }

func (r *Refusal) Error() string { return r.Code + ": " + r.Message }

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{code, fmt.Sprintf(format, args...)}
}

const (
	algorithm = "AWS4-HMAC-SHA256"
	layout    = "20060102T150405Z"
	// leeway is how far the clocks may be apart.
	leeway = 5 * time.Minute
)

// Verify returns the ID of the keys that a request is signed with. find returns the
// keys of an ID.
func Verify(r Request, service, region string, now time.Time, find func(id string) (Keys, bool)) (string, *Refusal) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" ")
	if !ok {
		return "", refuse("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	part := map[string]string{"Date": r.Header.Get("X-Amz-Date"), "Token": r.Header.Get("X-Amz-Security-Token")}
	for field := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		part[name] = value
	}
	return verify(r, part, leeway, []string{"host", "x-amz-date", "x-amz-security-token"}, service, region, now, find)
}

// VerifyPresigned is [Verify] for a request that is signed by parameters of its address,
// which STS honours for 15 minutes.
func VerifyPresigned(r Request, service, region string, now time.Time, find func(id string) (Keys, bool)) (string,
	*Refusal) {
	part := map[string]string{}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature", "Date"} {
		part[name] = r.Query.Get("X-Amz-" + name)
	}
	part["Token"] = r.Query.Get("X-Amz-Security-Token")
	if r.Query.Get("X-Amz-Algorithm") != algorithm {
		return "", refuse("MissingAuthenticationToken", "Request is missing Authentication Token")
	}
	r.Query = maps.Clone(r.Query)
	r.Query.Del("X-Amz-Signature")
	return verify(r, part, 15*time.Minute, []string{"host"}, service, region, now, find)
}

// verify looks at the parts of a signature, which must be of some headers and may be so
// old.
func verify(r Request, part map[string]string, age time.Duration, must []string, service, region string, now time.Time,
	find func(id string) (Keys, bool)) (string, *Refusal) {
	scope := strings.Split(part["Credential"], "/")
	names := strings.Split(part["SignedHeaders"], ";")
	if len(scope) != 5 || !slices.IsSorted(names) || len(part["Signature"]) != 64 {
		return "", refuse("IncompleteSignature", "Authorization header is not well-formed")
	}
	id := scope[0]
	keys, ok := find(id)
	at, err := time.Parse(layout, part["Date"])
	unsigned := slices.ContainsFunc(must, func(name string) bool {
		return !slices.Contains(names, name) && (name != "x-amz-security-token" || keys.SessionToken != "")
	})
	switch {
	case !ok || part["Token"] != keys.SessionToken:
		return "", refuse("InvalidClientTokenId", "The security token included in the request is invalid.")
	case err != nil || scope[1] != at.Format("20060102") || scope[4] != "aws4_request":
		return "", refuse("SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version "+
			"of date from HTTP")
	case scope[2] != region || scope[3] != service:
		return "", refuse("SignatureDoesNotMatch", "Credential should be scoped to a valid region. ")
	case at.Before(now.Add(-age)):
		return "", refuse("SignatureDoesNotMatch", "Signature expired: %s is now earlier than %s", at.Format(layout),
			now.Add(-age).UTC().Format(layout))
	case at.After(now.Add(leeway)):
		return "", refuse("SignatureDoesNotMatch", "Signature not yet current: %s is still later than %s", at.Format(layout),
			now.Add(leeway).UTC().Format(layout))
	case unsigned:
		return "", refuse("SignatureDoesNotMatch", "a header that must be signed is not")
	case !hmac.Equal([]byte(part["Signature"]), []byte(signature(r, names, scope, at, keys.SecretAccessKey))):
		return "", refuse("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you "+
			"provided. Check your AWS Secret Access Key and signing method.")
	case !keys.Expiration.IsZero() && !now.Before(keys.Expiration):
		return "", refuse("ExpiredToken", "The security token included in the request is expired")
	}
	return id, nil
}

// signature is what it must be (AWS IAM User Guide, "Create a signed AWS API request").
func signature(r Request, names, scope []string, at time.Time, secret string) string {
	headers := ""
	for _, name := range names {
		values := r.Header.Values(name)
		if name == "host" {
			values = []string{r.Host}
		}
		for i, v := range values {
			values[i] = strings.Join(strings.Fields(v), " ")
		}
		headers += name + ":" + strings.Join(values, ",") + "\n"
	}
	path := r.Path
	if path == "" {
		path = "/"
	}
	query := strings.ReplaceAll(r.Query.Encode(), "+", "%20")
	canonical := strings.Join([]string{r.Method, (&url.URL{Path: path}).EscapedPath(), query, headers,
		strings.Join(names, ";"), hash(r.Body)}, "\n")
	key := []byte("AWS4" + secret)
	for _, text := range scope[1:] {
		key = mac(key, text)
	}
	return hex.EncodeToString(mac(key,
		strings.Join([]string{algorithm, at.Format(layout), strings.Join(scope[1:], "/"), hash(canonical)}, "\n")))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
