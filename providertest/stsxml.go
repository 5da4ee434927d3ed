package providertest

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strings"
	"time"
)

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// awsStatus has the codes that are not answered with 400.
var awsStatus = map[string]int{
	"AccessDenied":            http.StatusForbidden,
	"IDPRejectedClaim":        http.StatusForbidden,
	"InvalidClientTokenId":    http.StatusForbidden,
	"RegionDisabledException": http.StatusForbidden,
	"InternalFailure":         http.StatusInternalServerError,
	"ServiceUnavailable":      http.StatusServiceUnavailable,
}

type stsErrorDocument struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

type stsKeysDocument struct {
	XMLName xml.Name
	XMLNS   string `xml:"xmlns,attr"`
	Result  struct {
		XMLName         xml.Name
		Subject         string `xml:"SubjectFromWebIdentityToken,omitempty"`
		Audience        string `xml:",omitempty"`
		AssumedRoleUser struct {
			ARN string `xml:"Arn"`
			ID  string `xml:"AssumedRoleId"`
		}
		Credentials struct {
			SessionToken    string
			SecretAccessKey string
			Expiration      string
			AccessKeyID     string `xml:"AccessKeyId"`
		}
		Provider       string `xml:",omitempty"`
		SourceIdentity string `xml:",omitempty"`
	}
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

func (e *awsError) answer() *answer {
	doc := stsErrorDocument{Type: "Sender", Code: e.code, Message: e.message, RequestID: requestID()}
	status := awsStatus[e.code]
	if status == 0 {
		status = http.StatusBadRequest
	}
	if status >= 500 {
		doc.Type = "Receiver"
	}
	a := xmlAnswer(status, doc, doc.RequestID)
	a.code = e.code
	return a
}

// answer is that of an action; issuer and audience are empty where the keys were had for
// other keys.
func (k Keys) answer(action, issuer, audience string) *answer {
	doc := stsKeysDocument{XMLName: xml.Name{Local: action + "Response"}, XMLNS: stsNamespace, RequestID: requestID()}
	result := &doc.Result
	result.XMLName.Local = action + "Result"
	result.Subject, result.Audience, result.SourceIdentity = k.Subject, audience, k.SourceIdentity
	account := strings.Split(k.RoleARN, ":")[4]
	if _, host, ok := strings.Cut(issuer, "://"); ok {
		result.Provider = "arn:aws:iam::" + account + ":oidc-provider/" + host
	}
	result.AssumedRoleUser.ARN = k.sessionARN()
	result.AssumedRoleUser.ID = "AROA3XFRBF535PLBIFPI4:" + k.RoleSessionName
	result.Credentials.AccessKeyID = k.AccessKeyID
	result.Credentials.SecretAccessKey = k.SecretAccessKey
	result.Credentials.SessionToken = k.SessionToken
	result.Credentials.Expiration = k.Expiration.Format(time.RFC3339)
	return xmlAnswer(http.StatusOK, doc, doc.RequestID)
}

func (k Keys) sessionARN() string {
	role := k.RoleARN[strings.LastIndex(k.RoleARN, "/")+1:] // a path is left out
	return "arn:aws:sts::" + strings.Split(k.RoleARN, ":")[4] + ":assumed-role/" + role + "/" + k.RoleSessionName
}

func xmlAnswer(status int, doc any, id string) *answer {
	var body bytes.Buffer
	encoder := xml.NewEncoder(&body)
	encoder.Indent("", "  ")
	if err := encoder.Encode(doc); err != nil {
		return textAnswer(http.StatusInternalServerError, "text/plain", err.Error())
	}
	a := textAnswer(status, "text/xml", body.String()+"\n")
	a.header.Set("X-Amzn-RequestId", id)
	return a
}

// newKeys look like AWS's: a temporary key ID begins with ASIA, and the session
// token holds characters that a careless encoder changes.
func newKeys() Keys {
	random := make([]byte, 30+300)
	rand.Read(random)
	return Keys{
		AccessKeyID:     "ASIA" + rand.Text()[:16],
		SecretAccessKey: base64.StdEncoding.EncodeToString(random[:30]),
		SessionToken:    "IQoJb3JpZ2luX2VjE/+" + base64.StdEncoding.EncodeToString(random[30:]) + "==",
	}
}

func requestID() string {
	b := make([]byte, 16)
	rand.Read(b)
	x := hex.EncodeToString(b)
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
