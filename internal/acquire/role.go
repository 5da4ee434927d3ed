package acquire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is which role of IAM Identity Center is wanted where none is named.

// SettleRole takes the role that was chosen last, else has the person choose one.
func SettleRole(ctx context.Context, o *settings.Resolved, by Caller) error {
	if c := o.Center(); c == nil || c.Err != nil || o.AWS.CenterRole() != "" || o.AWS.RoleARN != "" {
		return nil
	}
	return chooseRole(ctx, o, by, false)
}

// ChooseRole has the person choose a role, whatever was chosen before.
func ChooseRole(ctx context.Context, o *settings.Resolved, by Caller) error {
	if o.Center() == nil {
		return fault.InUsage(errors.New("only IAM Identity Center has a list of roles to choose from"),
			"name the role: --role-arn ARN, or --role-name NAME of one in the profile")
	}
	return chooseRole(ctx, o, by, true)
}

func chooseRole(ctx context.Context, o *settings.Resolved, by Caller, again bool) error {
	list := *o
	list.Tool = settings.ToolList
	if err := list.Check(); err != nil {
		return err
	}
	s, err := Open(&list, by)
	if err != nil {
		return err
	}
	last := s.Preferred()
	if !again && o.Takes(last) {
		o.SetRole(last)
		return nil
	}
	sitting := sittingOf(o, by)
	sitting.Nobody = sitting.Nobody || agents.Seen().Name != ""
	if !sitting.CanPick() {
		return noRole(ctx, &list, by)
	}
	var all, items []string
	prepare := func(ctx context.Context) error {
		all, items, err = rolesFor(ctx, &list, by)
		if err == nil && len(all) == 0 {
			err = fault.Hint(errors.New("no role to choose from"), "see what is assigned to you: sso-exec aws list")
		}
		return err
	}
	role, err := s.ChooseOnce(ctx, last, o.Takes, prepare, func(ctx context.Context) (string, error) {
		n, err := sitting.Pick(ctx, talk.Pick{Title: "which AWS role at " + talk.HostOf(o.Provider.Issuer) + "?",
			Question: "Type a number, or a part of the name.", Items: items, Last: slices.Index(all, last),
			Chosen: func(n int) string { return "the role is " + items[n] + "; change it: sso-exec aws list --choose" }})
		if err != nil {
			return "", err
		}
		return all[n], nil
	})
	if err == nil {
		o.SetRole(role)
	}
	return err
}

// rolesFor are the roles that are assigned to the person and fit what is named: as
// ACCOUNT/ROLE, and for people.
func rolesFor(ctx context.Context, o *settings.Resolved, by Caller) (all, items []string, err error) {
	accounts, err := ListAssigned(ctx, o, by)
	for _, a := range accounts {
		for _, role := range a.Roles {
			if id := a.ID + "/" + role; o.Takes(id) {
				all = append(all, id)
				items = append(items, strings.TrimSpace(fmt.Sprintf("%s %s %s", a.ID, role, a.Name)))
			}
		}
	}
	return all, items, err
}

// noRole is the error where no role is named, and nobody can choose one: with what is
// assigned, if that can be found out without a person.
func noRole(ctx context.Context, list *settings.Resolved, by Caller) error {
	hints := []string{"give --account-id and --role-name, or both in the section aws of a profile"}
	quiet := *list
	quiet.SignIn.Interactive = "never"
	if _, items, err := rolesFor(ctx, &quiet, by); err == nil {
		hints = append(hints, "assigned to you: "+some(items))
	} else if fault.KindOf(err) != fault.SignIn {
		return err
	}
	return fault.InUsage(errors.New("no role is named"), hints...)
}
