package aws

import (
	"maps"
	"slices"

	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/settings/check"
)

// RoleColumns are what a profile can say of each.
func RoleColumns() []config.Key {
	return []config.Key{
		{Name: "role-arn", Type: config.String, Check: check.Role, Usage: "ARN of the role to assume"},
		{Name: "account-id", Type: config.String, Check: CheckAccountID,
			Usage: "ID of the account of a role of IAM Identity Center"},
		{Name: "role-name", Type: config.String, Check: CheckRoleName,
			Usage: "name of that role, as the AWS access portal shows it"},
		{Name: "chain-role-arn", Type: config.List, Check: check.Role,
			Usage: "ARN of another role, assumed by the one before it"},
		{Name: "external-id", Type: config.String, Check: CheckExternalID,
			Usage: "external ID that the first chain-role-arn asks for"},
		{Name: "region", Type: config.String, Usage: "region of STS"},
	}
}

// NamedRole is a role of the config, under its name there.
type NamedRole struct {
	Name      string `json:"name"`
	RoleARN   string `json:"roleArn,omitempty"`
	AccountID string `json:"accountId,omitempty"`
	RoleName  string `json:"roleName,omitempty"`
}

// NamedRoles lists them, by their names.
func NamedRoles(roles map[string]map[string][]string) (all []NamedRole) {
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		first := func(column string) string { return append(roles[name][column], "")[0] }
		arn := append(slices.Clone(roles[name]["chain-role-arn"]), first("role-arn"))
		if n := len(arn); n > 1 { // whose keys one gets
			arn = arn[n-2:]
		}
		all = append(all, NamedRole{name, arn[0], first("account-id"), first("role-name")})
	}
	return all
}
