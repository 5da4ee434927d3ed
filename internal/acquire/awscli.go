package acquire

import (
	"crypto/sha1" //nolint:gosec // the AWS CLI's names of files
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sso-exec/sso-exec/cache"
	"github.com/sso-exec/sso-exec/credential"
	"github.com/sso-exec/sso-exec/flows/identitycenter"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/settings/aws"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// flowAWSCLI is how somebody signed in whose token was the AWS CLI's.
const flowAWSCLI = "aws-cli"

// mostAhead is how far ahead an end of a token in the AWS CLI's file is believed.
const mostAhead = 91 * 24 * time.Hour

// awsCLIFile is the AWS CLI's file of a session of IAM Identity Center: SHA1.json below
// ~/.aws/sso/cache, of the sso-session's name or else of the start URL.
type awsCLIFile struct {
	path   string
	center *aws.Center
	create bool
	unread bool // a policy limits how and when somebody has signed in, which the file does not tell
}

// awsCLI is the AWS CLI's copy of a session; nil: it has none that is ours to use.
func awsCLI(o *settings.Resolved) *session.Other {
	c := o.Center()
	home, err := userfile.Home()
	if c == nil || err != nil || o.Provider.Session != "" || o.Storage.Store == "none" || !c.OnLoopbackIfMoved() {
		return nil
	}
	sum := sha1.Sum([]byte(c.Name)) //nolint:gosec // as above
	limits := session.LimitsOf(o.Policy)
	f := &awsCLIFile{path: filepath.Join(home, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json"), center: c,
		create: o.Storage.AWSCLICache == settings.AWSCLICacheWrite, unread: limits.MaxAge > 0}
	return &session.Other{Flow: flowAWSCLI, Read: f.read, Takes: f.takes, Write: f.writeAll, Clear: f.clearAll}
}

// members reads the file, if it is this user's and a session's at this start URL; exists
// tells whether there is any file.
func (f *awsCLIFile) members() (all map[string]json.RawMessage, exists bool) {
	b, err := userfile.ReadOwn(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil || json.Unmarshal(b, &all) != nil {
		return nil, true
	}
	if start, err := identitycenter.StartURL(text(all, "startUrl")); err != nil || start != f.center.StartURL ||
		text(all, "region") != f.center.Region {
		return nil, true
	}
	return all, true
}

func text(all map[string]json.RawMessage, name string) (s string) {
	_ = json.Unmarshal(all[name], &s)
	return s
}

// copies are the files that the AWS CLI has of the same session by other names: those
// with one of our clients.
func (f *awsCLIFile) copies(clients []string) (all []*awsCLIFile) {
	entries, _ := os.ReadDir(filepath.Dir(f.path)) // mostly there is none
	for _, e := range entries {
		path := filepath.Join(filepath.Dir(f.path), e.Name())
		if path == f.path || filepath.Ext(path) != ".json" {
			continue
		}
		c := &awsCLIFile{path: path, center: f.center}
		if members, _ := c.members(); slices.Contains(clients, text(members, "clientId")) {
			all = append(all, c)
		}
	}
	return all
}

func (f *awsCLIFile) read() *session.Shared {
	all, _ := f.members()
	if all == nil || f.unread {
		return nil
	}
	end, err := time.Parse(time.RFC3339Nano, text(all, "expiresAt"))
	registered, rerr := time.Parse(time.RFC3339Nano, text(all, "registrationExpiresAt"))
	access, id, secret := text(all, "accessToken"), text(all, "clientId"), text(all, "clientSecret")
	if err != nil || time.Until(end) > mostAhead || !identitycenter.Printable(access) {
		return nil
	}
	s := &session.Shared{AccessToken: credential.NewSecret(access), ExpiresAt: end.UTC().Truncate(time.Second)}
	if refresh := text(all, "refreshToken"); rerr == nil && identitycenter.Printable(refresh) &&
		identitycenter.Printable(id) && identitycenter.Printable(secret) {
		s.RefreshToken = credential.NewSecret(refresh)
		s.Registration = cache.Registration{ClientID: id, Secret: credential.NewSecret(secret), ExpiresAt: registered.UTC()}
	}
	if s.RefreshToken.IsZero() && !end.After(time.Now()) {
		return nil
	}
	return s
}

func (f *awsCLIFile) takes() bool {
	all, exists := f.members()
	return all != nil || !exists && f.create
}

func (f *awsCLIFile) writeAll(s *session.Shared, clients []string) error {
	err := f.write(s)
	for _, c := range f.copies(clients) {
		if theirs := c.read(); theirs == nil || !theirs.ExpiresAt.After(s.ExpiresAt) {
			err = errors.Join(err, c.write(s))
		}
	}
	return err
}

func (f *awsCLIFile) clearAll(clients []string) error {
	err := f.clear()
	for _, c := range f.copies(clients) {
		err = errors.Join(err, c.clear())
	}
	return err
}

// write replaces the whole file; members that are not known stay.
func (f *awsCLIFile) write(s *session.Shared) error {
	if !f.takes() { // torn, another's, a registration, or it is not to be made
		return nil
	}
	all, _ := f.members()
	if all == nil {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
			return err
		}
		all = map[string]json.RawMessage{}
	}
	const layout = "2006-01-02T15:04:05Z"
	for name, value := range map[string]string{
		"region": f.center.Region, "accessToken": s.AccessToken.Reveal(),
		"expiresAt": s.ExpiresAt.UTC().Format(layout), "clientId": s.Registration.ClientID,
		"clientSecret":          s.Registration.Secret.Reveal(),
		"registrationExpiresAt": s.Registration.ExpiresAt.UTC().Format(layout), "refreshToken": s.RefreshToken.Reveal(),
	} {
		if all[name], _ = json.Marshal(value); value == "" {
			delete(all, name)
		}
	}
	if all["startUrl"] == nil {
		all["startUrl"], _ = json.Marshal(f.center.Spelled)
	}
	return f.replace(all)
}

// clear takes the tokens out of the file.
func (f *awsCLIFile) clear() error {
	all, _ := f.members()
	if all == nil || all["accessToken"] == nil && all["refreshToken"] == nil {
		return nil
	}
	for _, name := range []string{"accessToken", "refreshToken", "expiresAt"} {
		delete(all, name)
	}
	return f.replace(all)
}

func (f *awsCLIFile) replace(all map[string]json.RawMessage) error {
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return userfile.Replace(f.path, b, nil)
}
