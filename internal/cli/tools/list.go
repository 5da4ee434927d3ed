package tools

import (
	"context"
	"errors"
	"fmt"
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
nobody is prompted: only the profile tells.

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
				"only IAM Identity Center tells which roles there are: --provider aws-identity-center")
		}
		switch {
		case err != nil:
			return err
		case output == "json":
			return talk.PrintJSON(st)
		}
		return talk.Print(st.text())
	})
}

// text is the list for people: a role a line.
func (st rolesStatus) text() string {
	var b strings.Builder
	width := 0
	for _, a := range st.Accounts {
		for _, role := range a.Roles {
			width = max(width, len(role))
		}
	}
	for _, a := range st.Accounts {
		for _, role := range a.Roles {
			fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%s  %-*s  %s", a.ID, width, role, a.Name), " "))
		}
	}
	if len(st.Accounts) == 0 && len(st.Roles) == 0 {
		return "No role is assigned to you in any account: ask your administrator.\n"
	}
	width = 0
	for _, r := range st.Roles {
		width = max(width, len(r.Name))
	}
	for i, r := range st.Roles {
		if i == 0 && b.Len() > 0 {
			b.WriteString("\n")
		}
		what := r.RoleARN
		if what == "" {
			what = strings.TrimSpace(r.AccountID + " " + r.RoleName)
		}
		fmt.Fprintf(&b, "--role-name %-*s  %s\n", width, r.Name, what)
	}
	return b.String()
}
