package tools

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/command"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	roles "github.com/sso-exec/sso-exec/internal/settings/aws"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// rolesStatus is what aws list -o json shows. Fields are only ever added;
// docs/identity-center.md explains them.
type rolesStatus struct {
	Accounts []acquire.Assigned `json:"accounts"`
	Roles    []roles.NamedRole  `json:"roles"` // of the config
}

// newList makes the command that lists the roles of a sign-in.
func newList() *cobra.Command {
	o := settings.For(settings.ToolList)
	c := &cobra.Command{
		Use: "list", Short: "show the AWS accounts and roles of a sign-in", Args: command.NoArgs,
		Long: `Show the accounts and roles that IAM Identity Center assigns to you, and those
that the profile has under names of its own (aws: roles). For any other provider
it shows only the roles of the profile, and never prompts.

With --choose, choose one on the terminal, by its number or a part of its name:
it is the role for aws, aws console and run where nothing else names one.`,
		Example: "  sso-exec aws list --profile corp\n  sso-exec aws list --profile corp -o json\n" +
			"  sso-exec aws list --profile corp --choose",
	}
	var output string
	var choose bool
	c.Flags().BoolVar(&choose, "choose", false, "choose a role on the terminal, and print nothing")
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return command.WithSettings(o, c, func(ctx context.Context, _ []string) error {
		if err := command.CheckOutput(output); err != nil {
			return err
		}
		if err := command.ForAgent(o); err != nil {
			return err
		}
		if err := o.Check(); err != nil {
			return err
		}
		if choose {
			return acquire.ChooseRole(ctx, o, acquire.Caller{})
		}
		st := rolesStatus{[]acquire.Assigned{}, append([]roles.NamedRole{}, o.NamedRoles()...)}
		var err error
		if o.Center() != nil {
			st.Accounts, err = acquire.ListAssigned(ctx, o, acquire.Caller{})
		} else if len(st.Roles) == 0 {
			err = fault.InUsage(errors.New("no roles are named"),
				"name them in the profile: aws: {roles: {dev: {role-arn: ARN}}}",
				"only IAM Identity Center can list roles: --provider aws-identity-center")
		}
		switch {
		case err != nil:
			return err
		case output == "json":
			return talk.PrintJSON(st)
		}
		_, err = os.Stdout.WriteString(st.text())
		return err
	})
}

// text is the list for people: a role a line.
func (st rolesStatus) text() string {
	var assigned, named [][]string
	for _, a := range st.Accounts {
		for _, role := range a.Roles {
			assigned = append(assigned, []string{a.ID, role, a.Name})
		}
	}
	for _, r := range st.Roles {
		role := cmp.Or(r.RoleARN, strings.TrimSpace(r.AccountID+" "+r.RoleName))
		named = append(named, []string{"--role-name " + r.Name, role})
	}
	if len(assigned) == 0 && len(named) == 0 {
		return "No role is assigned to you in any account: ask your administrator.\n"
	}
	between := ""
	if len(assigned) > 0 && len(named) > 0 {
		between = "\n"
	}
	return talk.Grid(nil, assigned) + between + talk.Grid(nil, named)
}
