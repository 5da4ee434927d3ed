package awsapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a cluster's token asks for, and the header that the cluster's name is signed as.
const (
	GetCallerIdentity = "GetCallerIdentity"
	ClusterHeader     = "X-K8s-Aws-Id"
)

// clusterParameters are all that a cluster's token may have in its address.
var clusterParameters = []string{"action", "version", "x-amz-algorithm", "x-amz-credential", "x-amz-date",
	"x-amz-expires", "x-amz-security-token", "x-amz-signature", "x-amz-signedheaders"}

// ClusterAddress looks at a token of EKS as a cluster's authenticator does
// (aws-iam-authenticator), and returns the address in it.
func ClusterAddress(token, region string, now time.Time) (*url.URL, error) {
	text, ok := strings.CutPrefix(token, "k8s-aws-v1.")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil || len(token) > 4096 {
		return nil, fmt.Errorf("it is not base64url behind k8s-aws-v1., 4096 bytes at most: %.80q", token)
	}
	u, err := url.Parse(string(raw))
	if err != nil {
		return nil, err
	}
	all, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, err
	}
	q := url.Values{}
	for name, values := range all {
		if !slices.Contains(clusterParameters, strings.ToLower(name)) || len(values) != 1 {
			return nil, fmt.Errorf("parameter %q, with %d values", name, len(values))
		}
		q[strings.ToLower(name)] = values
	}
	host := "sts." + region + ".amazonaws.com"
	expires, eerr := strconv.Atoi(q.Get("x-amz-expires"))
	at, derr := time.Parse(layout, q.Get("x-amz-date"))
	switch {
	case u.Scheme != "https" || u.Host != host && u.Host != strings.Replace(host, "sts.", "sts-fips.", 1):
		return nil, fmt.Errorf("it leads to %s://%s, and the cluster asks %s", u.Scheme, u.Host, host)
	case u.Path != "/" || u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("its path is %q", u.Path)
	case q.Get("action") != GetCallerIdentity:
		return nil, fmt.Errorf("it asks for %q", q.Get("action"))
	case !slices.Contains(strings.Split(q.Get("x-amz-signedheaders"), ";"), strings.ToLower(ClusterHeader)):
		return nil, errors.New("the cluster's name is not signed")
	case eerr != nil || expires < 0 || expires > 900:
		return nil, fmt.Errorf("X-Amz-Expires is %q", q.Get("x-amz-expires"))
	case derr != nil || now.After(at.Add(15*time.Minute)):
		return nil, fmt.Errorf("it has ended: it is of %s", q.Get("x-amz-date"))
	}
	return u, nil
}
