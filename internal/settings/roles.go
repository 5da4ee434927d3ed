package settings

import (
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings/aws"
)

// This file is the AWS roles that a profile has under names of its own.

// NamedRoles lists them, by their names.
func (o *Resolved) NamedRoles() []aws.NamedRole { return aws.NamedRoles(o.roles) }

// Role is the name in the config by which the role was named; empty: it was not.
func (o *Resolved) Role() string { return o.role }

// takeRole puts what the config says of the role that --role-name names in the place of
// what it says of the profile's own. A role next to an account is the portal's.
func (o *Resolved) takeRole(v config.Value) error {
	o.roles = v.Columns
	columns, ok := o.roles[o.AWS.RoleName]
	if o.role = ""; !ok || o.From.Given("account-id") || !o.From.Given("role-name") && o.AWS.AccountID != "" {
		return nil
	}
	o.role = o.AWS.RoleName
	o.AWS.RoleName = ""
	if columns["role-arn"] != nil {
		o.AWS.AccountID = ""
	} else if columns["account-id"] != nil || columns["role-name"] != nil {
		o.AWS.RoleARN = ""
	}
	for _, key := range aws.RoleColumns() {
		values := columns[key.Name]
		if values == nil || key.Name != "role-name" && o.From.Given(key.Name) {
			continue
		}
		if err := Find(key.Name).Set(&o.Settings, values...); err != nil {
			return fault.Usagef("%s: aws.roles, %s: %s: %w", v.Origin, o.role, key.Name, err)
		}
		if !o.From.Given(key.Name) {
			o.From[key.Name] = Origin{By: ByProfile, At: v.Origin}
		}
	}
	return nil
}
