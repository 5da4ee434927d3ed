package talk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sso-exec/sso-exec/flows"
	"github.com/sso-exec/sso-exec/internal/browser"
	"github.com/sso-exec/sso-exec/internal/place"
	"github.com/sso-exec/sso-exec/internal/session"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// This file is a choice from a list, such as of a role, apart from any sign-in.

// Pick is what is to be chosen.
type Pick struct {
	Title, Question string
	Items           []string
	Last            int                   // what Enter takes; negative: nothing
	Chosen          func(item int) string // the line in the place of the prompt
}

// picker is where a person would choose; flows.PromptNowhere: nobody can.
func (s Sitting) picker() (*prompter, string) {
	s.Explain = false
	p := &prompter{Sitting: s}
	var err error
	p.here, err = place.Look(place.Asked{Browser: browser.None, NobodyHere: s.Nobody, Names: s.Names, Policy: s.Policy,
		StderrSwallowed: s.Swallowed, StdinNotOurs: p.noStdin()})
	where, _ := flows.PromptPlace(p.here.Facts)
	if err != nil || s.Nobody || !p.here.Facts.Keyboard || p.here.Facts.CI != "" {
		where = flows.PromptNowhere
	}
	return p, where
}

// CanPick reports whether somebody could choose here.
func (s Sitting) CanPick() bool { _, where := s.picker(); return where != flows.PromptNowhere }

// most is how many items are shown at once.
const most = 30

// Pick has a person choose by a number, or by a part of an item that no other has.
func (s Sitting) Pick(ctx context.Context, c Pick) (int, error) {
	p, where := s.picker()
	asking := session.Ask{Choice: flows.Choice{Prompt: where}, Until: time.Now().Add(s.Timeout)}
	q := p.begin(asking)
	shown := c.Items[:min(len(c.Items), most)]
	if len(shown) < len(c.Items) {
		c.Question += fmt.Sprintf(" These are the first %d of %d.", most, len(c.Items))
	}
	if c.Last >= 0 {
		c.Question += " Enter: " + c.Items[c.Last]
	}
	if where == flows.PromptNowhere || !q.show(terminal.Choice{Title: p.program() + c.Title, Question: c.Question,
		Items: shown, Until: asking.Until}) {
		return 0, ErrNobody()
	}
	for {
		text, err := q.live.ReadAnswer(ctx, "number or name")
		switch {
		case ctx.Err() != nil:
			p.finish()
			return 0, context.Cause(ctx)
		case errors.Is(err, io.EOF): // Ctrl-D
			p.finish()
			return 0, flows.ErrCancelled
		case errors.Is(err, terminal.ErrTooLong):
		case err != nil:
			p.finish()
			return 0, err
		}
		found := c.find(text)
		if len(found) == 1 {
			p.replace(where, p.program()+c.Chosen(found[0]))
			return found[0], nil
		}
		why, items := c.several(found)
		q.live.Note(why, items...)
	}
}

// find is what a text may mean: a number means nothing else, unless it is too large.
func (c Pick) find(text string) (found []int) {
	text = strings.ToLower(strings.TrimSpace(text))
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(c.Items) {
		return []int{n - 1}
	}
	if text == "" && c.Last >= 0 {
		return []int{c.Last}
	}
	words := strings.Fields(text)
	for i, item := range c.Items {
		item = strings.ToLower(item)
		lacks := func(word string) bool { return !strings.Contains(item, word) }
		if len(words) > 0 && !slices.ContainsFunc(words, lacks) {
			found = append(found, i)
		}
	}
	return found
}

// several says why an answer was not one, and which items it may mean.
func (c Pick) several(found []int) (text string, items []string) {
	if len(found) == 0 {
		return fmt.Sprintf("No item matches: type a number from 1 to %d, or a part of a name.", len(c.Items)), nil
	}
	for _, i := range found[:min(len(found), most)] {
		items = append(items, fmt.Sprintf("%d  %s", i+1, c.Items[i]))
	}
	return fmt.Sprintf("%d items match:", len(found)), items
}
