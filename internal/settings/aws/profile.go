package aws

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/edit/awsconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// This file is the AWS way of configuring: a variable of the SDKs, else the profile of the
// AWS config that AWS_PROFILE names.

// readConfig reads the AWS config; empty: there is none.
func readConfig() (text, path string, err error) {
	home, _ := userfile.Home() // AWS_CONFIG_FILE may name another place
	path = awsconfig.ConfigPath(os.LookupEnv, home)
	b, err := userfile.ReadConfig(path)
	switch {
	case err == nil || fault.Holds[*userfile.UnsafeError](err):
	case errors.Is(err, os.ErrNotExist):
		err = nil
	default:
		err = fault.InUsage(fmt.Errorf("the AWS config: %w", err))
	}
	return string(b), path, err
}

// Variable returns a variable of the AWS SDKs.
func Variable(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// profileName is that of the profile that a variable names.
func profileName() string { return cmp.Or(Variable("AWS_PROFILE"), Variable("AWS_DEFAULT_PROFILE")) }

// ofProfile returns the keys of the profile that is named, and of the services that it
// names: service.endpoint_url. None is no error: it may be one of the credentials file.
func ofProfile() (map[string]string, error) {
	name := profileName()
	if name == "" {
		return nil, nil
	}
	text, _, err := readConfig()
	if err != nil {
		return nil, err
	}
	keys, _ := awsconfig.Profile(text, name)
	if services := keys["services"]; services != "" {
		of, _ := awsconfig.Section(text, "services", services)
		for key, value := range of {
			if strings.Contains(key, ".") {
				keys[key] = value
			}
		}
	}
	return keys, nil
}

// Setting is a variable's value, else the profile's key, and which of the two said it.
func Setting(variable, key string) (value, from string, err error) {
	if v := Variable(variable); v != "" {
		return v, "variable " + variable, nil
	}
	keys, err := ofProfile()
	return keys[key], key + " of AWS_PROFILE " + flows.Clean(profileName(), 100), err
}

// ProfileRegion is the region of the profile that is named; empty: there is none.
func ProfileRegion() string {
	keys, _ := ofProfile() // what is wrong with the file is told where an endpoint is looked for
	return keys["region"]
}

// Switch returns a setting that is true or false.
func Switch(variable, key string) (on bool, err error) {
	v, from, err := Setting(variable, key)
	if err != nil {
		return false, err
	}
	switch strings.ToLower(v) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, fault.Usagef("%s: %q is neither true nor false", from, flows.Clean(v, 80))
}

// Switches tell whether endpoints are to be those of FIPS, and those for IPv4 and IPv6.
func Switches() (fips, dualStack bool, err error) {
	if fips, err = Switch("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"); err == nil {
		dualStack, err = Switch("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")
	}
	return fips, dualStack, err
}

// Endpoint is the address of a service (sts, sso_oidc), in the order of the SDKs: the
// service's variable, that of all services, the profile's services, the profile. Empty:
// none is set, or they are not to count.
func Endpoint(service string) (string, error) {
	ignored, err := Switch("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls")
	if err != nil || ignored {
		return "", err
	}
	const all = "AWS_ENDPOINT_URL"
	variable := all + "_" + strings.ToUpper(service)
	url, from := Variable(variable), "variable "+variable
	if url == "" {
		url, from, err = Setting(all, service+".endpoint_url")
	}
	if url == "" && err == nil {
		url, from, err = Setting(all, "endpoint_url")
	}
	if url == "" || err != nil {
		return "", err
	}
	if _, err := flows.CheckURL(from+":", url); err != nil {
		return "", fault.InUsage(err, "another endpoint is https, or http on a literal loopback address",
			"or set AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true for this command")
	}
	return url, nil
}
