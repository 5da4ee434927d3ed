package check

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/flows/workforce"
)

// WorkforceProvider tells what is wrong with the name of a workforce provider.
func WorkforceProvider(v string) error { _, err := workforce.Audience(v); return err }

// Project tells what is wrong with the ID or the number of a project of Google Cloud.
func Project(v string) error {
	if len(v) > 100 || strings.Trim(v, "abcdefghijklmnopqrstuvwxyz0123456789-.:") != "" {
		return fmt.Errorf("%q is not the ID or the number of a project", flows.Clean(v, 100))
	}
	return nil
}

// UUID tells what is wrong with the ID of an application in Entra ID.
func UUID(v string) error {
	if !regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`).MatchString(v) {
		return fmt.Errorf("%q is not the ID of an application: it is like %s", flows.Clean(v, 100),
			"6dae42f8-4368-4678-94ff-3960e28e3630")
	}
	return nil
}
