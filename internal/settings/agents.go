package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sso-exec/sso-exec/internal/agents"
	"github.com/sso-exec/sso-exec/internal/config"
	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/policy"
)

// This file is what a coding agent gets.

// The words of the key agents.
const (
	AgentsAllow = "allow"
	AgentsDeny  = "deny"
)

// AgentRule is what a coding agent gets: everything, nothing, or what another
// profile gives.
type AgentRule struct {
	Deny    bool
	Profile string // the narrower one
	Where   string // a file and its line
	Policy  bool   // it is the policy's: the profile is one of the system's config
}

// Gets names the rule in a word.
func (r AgentRule) Gets() string {
	switch {
	case r.Deny:
		return AgentsDeny
	case r.Profile != "":
		return "profile"
	}
	return AgentsAllow
}

// AgentRule is what an agent gets by these settings and the policy: the stricter one
// counts, and of two profiles the policy's.
func (o *Resolved) AgentRule() AgentRule {
	own := o.ownAgentRule()
	if p := o.Policy; p != nil && !own.Deny && (p.Agents.Deny || p.Agents.Profile != "") {
		return AgentRule{Deny: p.Agents.Deny, Profile: p.Agents.Profile, Where: p.Path, Policy: true}
	}
	return own
}

// ownAgentRule is what the profile says.
func (o *Resolved) ownAgentRule() AgentRule {
	profile, _ := strings.CutPrefix(o.Source.Agents, "profile:")
	switch profile {
	case AgentsAllow, "":
		return AgentRule{}
	case AgentsDeny:
		return AgentRule{Deny: true, Where: o.From.Where("agents")}
	}
	return AgentRule{Profile: profile, Where: o.From.Where("agents")}
}

// agentEffect says what a coding agent gets here, and whether one runs this that gets
// nothing.
func (o *Resolved) agentEffect() (here string, forbids bool) {
	rule, who := o.AgentRule(), "no coding agent runs this; one would get "
	lost := LostProfile(o.Policy, config.Paths{System: config.SystemPath()})
	if a := agents.Seen(); a.Name != "" {
		who, forbids = "the coding agent "+a.Name+" runs this; it gets ", rule.Deny || lost != nil
	}
	switch {
	case rule.Deny:
		return who + "nothing", forbids
	case lost != nil:
		return who + "nothing: " + lost.Error(), forbids
	}
	return fmt.Sprintf("%swhat profile %q of %s gives", who, rule.Profile, config.SystemPath()), forbids
}

// LostProfile is the error of a policy whose profile for agents none of these files has.
func LostProfile(p *policy.Policy, paths config.Paths) error {
	if p == nil || p.Agents.Profile == "" {
		return nil
	}
	c, err := paths.Open()
	if err != nil || slices.Contains(c.Names(), p.Agents.Profile) {
		return err
	}
	_, files := paths.Each()
	return fault.InUsage(fmt.Errorf("%s: agents: no profile %q in %s", p.Path, p.Agents.Profile,
		strings.Join(files, " or ")), "make that profile, or name one that is there")
}

// ForAgent makes these settings what a coding agent gets that this program runs
// under, if it does: those of a narrower profile, which flags and variables do not
// change, or an error of the kind [fault.Forbidden]. Commands that give a
// credential call it before Check.
func (o *Resolved) ForAgent() error {
	if o.Agent.Name != "" {
		return nil
	}
	o.Agent = agents.Seen()
	if o.Agent.Name == "" {
		return nil
	}
	rule := o.AgentRule()
	switch {
	case rule.Deny:
		return o.forbidAgent(rule, "a coding agent gets no credential", "run it in a terminal of your own")
	case rule.Profile == "":
		return nil
	}
	if o.Tool == ToolAPIKey {
		return o.RefuseAgent("a coding agent gets no API key")
	}
	return o.narrow(rule)
}

// RefuseAgent refuses a coding agent, where a rule is about agents, what no narrower
// profile has something in place of.
func (o *Resolved) RefuseAgent(what string) error {
	o.Agent = agents.Seen()
	if rule := o.AgentRule(); o.Agent.Name != "" && rule.Gets() != AgentsAllow {
		return o.forbidAgent(rule, what, "run it in a terminal of your own")
	}
	return nil
}

// narrow takes the settings of the profile that a rule names, in place of these.
// That profile's own rule leads no further, but may be deny.
func (o *Resolved) narrow(rule AgentRule) error {
	to := For(o.Tool)
	to.Agent, to.InsteadOf = o.Agent, &Asked{o.Source.Profile, rule}
	to.Policy, to.obeying, to.systemOnly = o.Policy, o.obeying, rule.Policy
	to.Asked = o.Asked
	for _, r := range table {
		if o.From.Given(r.Name) && r.Is(Harmless) && r.Of(o.Tool) {
			to.take(o, r)
		}
	}
	if err := to.Set("profile", ByFlag, rule.Profile); err != nil {
		return err
	}
	if err := to.FillFromConfig(); err != nil {
		where := "your config"
		if rule.Policy {
			where = config.SystemPath()
		}
		return fault.Hint(fmt.Errorf("what a coding agent gets (%s): %w", rule.Where, err),
			"agents must name a profile of "+where+" that can be used")
	}
	if own := to.ownAgentRule(); own.Deny {
		return o.forbidAgent(own, "a coding agent gets no credential", "change agents of one of the profiles")
	}
	if err := to.Settle(); err != nil {
		return err
	}
	for _, r := range table {
		if !o.From.Given(r.Name) || r.Is(Harmless) || !r.Of(o.Tool) || slices.Equal(r.Get(&o.Settings), r.Get(&to.Settings)) {
			continue
		}
		return o.forbidAgent(rule, fmt.Sprintf("%s: a coding agent gets what profile %q gives, and nothing else",
			o.From.Where(r.Name), rule.Profile), "leave it out")
	}
	*o = *to
	return nil
}

// Asked is the profile that was asked for where a coding agent gets another one.
type Asked struct {
	Profile string
	Rule    AgentRule
}

func (o *Resolved) forbidAgent(rule AgentRule, what, instead string) error {
	err := errors.New(what + ": forbidden by agents in " + rule.Where)
	if rule.Policy {
		err = o.Policy.Forbid("agents", what, instead)
	}
	return &fault.Error{Kind: fault.Forbidden, Err: err,
		Hints: []string{"seen as a coding agent: " + o.AgentSeen(), instead}}
}

// AgentSeen tells people which coding agent was seen, and by what.
func (o *Resolved) AgentSeen() string {
	return fmt.Sprintf("%s (variable %s)", o.Agent.Name, o.Agent.Variable)
}
