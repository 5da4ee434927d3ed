package providertest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/sso-exec/sso-exec/providertest/internal/awsapi"
)

// serveIdentity is GetCallerIdentity by an address that is signed.
func (s *STS) serveIdentity(r *Request) *answer {
	caller := Keys{}
	if _, wrong := awsapi.VerifyPresigned(awsapi.Request{Method: r.Method, Path: r.Path, Host: r.Host, Body: r.Body,
		Query: r.Query, Header: r.Header}, "sts", s.config.Region, s.config.Now(), s.find(&caller)); wrong != nil {
		return (&awsError{wrong.Code, wrong.Message}).answer()
	}
	arn := caller.sessionARN()
	return jsonAnswer(http.StatusOK, map[string]any{"GetCallerIdentityResponse": map[string]any{
		"GetCallerIdentityResult": map[string]any{"Arn": arn, "Account": strings.Split(arn, ":")[4],
			"UserId": "AROA3XFRBF535PLBIFPI4:" + caller.RoleSessionName}}})
}

// Identify tells whose a token of EKS is, as a cluster does: it looks at the address in
// the token, and asks the STS by it. The answer is an ARN.
func (s *STS) Identify(token, cluster string) (arn string, err error) {
	u, err := awsapi.ClusterAddress(token, s.config.Region, s.config.Now())
	if err != nil {
		return "", err
	}
	req, err := http.NewRequest(http.MethodGet, s.url+"/?"+u.RawQuery, nil)
	if err != nil {
		return "", err
	}
	req.Host = u.Host
	req.Header.Set(awsapi.ClusterHeader, cluster)
	req.Header.Set("Accept", "application/json")
	resp, err := s.Client().Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("STS: status %d: %s", resp.StatusCode, body)
	}
	var doc struct {
		Response struct {
			Result struct{ Arn string } `json:"GetCallerIdentityResult"`
		} `json:"GetCallerIdentityResponse"`
	}
	err = json.Unmarshal(body, &doc)
	return doc.Response.Result.Arn, err
}
