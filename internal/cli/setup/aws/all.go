package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/sso-exec/sso-exec/internal/acquire"
	"github.com/sso-exec/sso-exec/internal/cli/setup"
	"github.com/sso-exec/sso-exec/internal/commandline"
	"github.com/sso-exec/sso-exec/internal/edit/awsconfig"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
)

// This file is a profile for each account and role that IAM Identity Center assigns; under
// another provider for each role that the config names.

// all makes the set of profiles what is assigned, or takes it out.
func (s *awsSetup) all(ctx context.Context) error {
	for _, name := range []string{"aws-profile", "role-arn", "account-id", "role-name", "chain-role-arn"} {
		if s.line[name] {
			return fault.Usagef("--all and --%s contradict each other: leave one of them out", name)
		}
	}
	words := func(more ...string) []string { return more }
	if !s.Remove {
		program, err := setup.ProgramOf(s.command, s.line["command"])
		if err != nil {
			return err
		}
		words = func(more ...string) []string { return append([]string{program}, more...) }
	}
	args, err := setup.Args(s.o, s.usesProfile())
	if err != nil {
		return err
	}
	// Of a role that a variable names nothing is kept; the region is the profile's own.
	args = slices.DeleteFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return slices.Contains([]string{"--role-name", "--account-id", "--region"}, name)
	})
	command := func(id, role string) (string, error) {
		return awsconfig.Command(commandline.Here, append(words(args...), "--role-name="+role, "--account-id="+id))
	}
	marker, err := awsconfig.Command(commandline.Here, append(args, "--role-name="))
	if err != nil {
		return fault.InUsage(err, "keep that setting in a profile of sso-exec, and name it with --profile")
	}
	// What setup writes for one role has the account first.
	mine := func(process string) bool {
		_, role, ok := strings.Cut(process, " "+strings.TrimSuffix(marker, " "))
		return ok && strings.Contains(role, " --account-id=")
	}
	ofConfig := s.o.Center() == nil
	if ofConfig { // whose commands name no account: the role comes first
		command = func(_, role string) (string, error) {
			return awsconfig.Command(commandline.Here, append(words(args[0], "--role-name="+role), args[1:]...))
		}
		if marker, err = awsconfig.Command(commandline.Here, args); err != nil {
			return fault.InUsage(err, "keep that setting in a profile of sso-exec, and name it with --profile")
		}
		mine = func(process string) bool {
			_, role, _ := strings.Cut(process, " "+args[0]+" --role-name=")
			_, rest, ok := strings.Cut(role, " ")
			return ok && args[0]+" "+rest == marker
		}
	}
	if s.Remove {
		return s.Plan(func() error { return s.putAll(nil, mine) })
	}
	if ofConfig {
		want, err := s.named(command)
		if err != nil {
			return err
		}
		return s.Plan(func() error { return s.putAll(want, mine) })
	}
	if !s.Yes && !s.DryRun && !talk.CanAsk() {
		return talk.ErrNobody()
	}
	signIn := *s.o
	signIn.Tool = settings.ToolList
	if err := signIn.Check(); err != nil {
		return err
	}
	accounts, err := acquire.ListAssigned(ctx, &signIn, acquire.Caller{})
	if err != nil {
		return err
	}
	want, err := s.profiles(accounts, command)
	if err != nil {
		return err
	}
	return s.Plan(func() error { return s.putAll(want, mine) })
}

func (s *awsSetup) putAll(want []awsconfig.Entry, mine func(string) bool) error {
	file, err := s.open()
	if err != nil {
		return err
	}
	text, taken, err := awsconfig.SetAll(file.Text, want, mine)
	if err != nil {
		return refusedEdit(file, err)
	}
	for _, name := range taken {
		talk.Warn(fmt.Errorf("the profile %q is there already, and not of this set: it is left alone", name))
	}
	_, err = s.write(file, text)
	return err
}

// named are the profiles of the roles that the config names, by their names there.
func (s *awsSetup) named(command func(id, role string) (string, error)) (all []awsconfig.Entry, err error) {
	if len(s.o.NamedRoles()) == 0 || !s.usesProfile() {
		return nil, fault.InUsage(errors.New("--all: the profile names no roles"),
			"name them: aws: {roles: {dev: {role-arn: ARN}}}, and give --profile",
			"only IAM Identity Center can list roles: --provider aws-identity-center")
	}
	for _, r := range s.o.NamedRoles() {
		process, err := command("", r.Name)
		if err != nil {
			return nil, err
		}
		name := r.Name
		if s.line["name-template"] {
			name = strings.NewReplacer("{role}", r.Name).Replace(s.template)
		}
		all = append(all, awsconfig.Entry{Name: name, Process: process})
	}
	return all, nil
}

// profiles are those that are to be there. Where two accounts have one name, or profiles
// would, the account's ID is at the end.
func (s *awsSetup) profiles(accounts []acquire.Assigned, command func(id, role string) (string, error)) (
	all []awsconfig.Entry, err error) {
	if !strings.Contains(s.template, "{role}") || !strings.Contains(s.template, "{account") {
		return nil, fault.InUsage(errors.New("--name-template must have {role}, and {account} or {account-id}"),
			"the default is "+nameTemplate)
	}
	count, named := map[string]int{}, map[string]int{}
	ids, twice := map[int]string{}, map[int]bool{}
	for _, a := range accounts {
		named[plainName(a.Name, a.ID)]++
	}
	for _, a := range accounts {
		for _, role := range a.Roles {
			if settings.Find("account-id").Check(a.ID) != nil || settings.Find("role-name").Check(role) != nil {
				talk.Warn(fmt.Errorf("left out, since no command can name it: role %q in account %q", role, a.ID))
				continue
			}
			name := strings.NewReplacer("{account}", plainName(a.Name, a.ID), "{account-id}", a.ID, "{role}", role).
				Replace(s.template)
			process, err := command(a.ID, role)
			if err != nil {
				return nil, fault.InUsage(err, "keep that setting in a profile of sso-exec, and name it with --profile")
			}
			p := awsconfig.Entry{Name: name, Process: process}
			if region := s.o.AWS.Region; region != "" {
				p.Others = []awsconfig.KV{{Key: "region", Value: region}}
			}
			count[name]++
			ids[len(all)] = a.ID
			twice[len(all)] = named[plainName(a.Name, a.ID)] > 1 && !strings.Contains(s.template, "{account-id}")
			all = append(all, p)
		}
	}
	for i := range all {
		if twice[i] || count[all[i].Name] > 1 {
			all[i].Name += "-" + ids[i]
		}
	}
	return all, nil
}

// plainName makes an account's name fit for a profile's: what every SDK reads in the same
// way, but letters of any script.
func plainName(name, otherwise string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._@+-", r)
	}), "-")
	if name == "" {
		return otherwise
	}
	return name
}
