package doctor

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/terminal"
)

// report is a check and what it found.
type report struct {
	name string
	found
}

// jsonCheck is a check as -o json prints it; docs/doctor.md explains the members, and
// doctor.schema.json holds them. Fields are only ever added.
type jsonCheck struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	Detail string `json:"detail"`
	Fix    string `json:"fix"`
}

func (r report) json() jsonCheck {
	var fixes []string
	for _, f := range r.fixes {
		for _, line := range []string{f.say, f.paste} {
			if line != "" {
				fixes = append(fixes, oneLine(line))
			}
		}
	}
	var details []string
	for _, d := range r.details {
		details = append(details, oneLine(d))
	}
	return jsonCheck{r.name, r.outcome(), strings.Join(details, "\n"), strings.Join(fixes, "\n")}
}

func (r report) outcome() string {
	if r.result == "" {
		return pass
	}
	return r.result
}

// oneLine makes a text fit for a line of its own.
func oneLine(s string) string { return strings.Map(talk.Unbroken, talk.OneLine(s)) }

// printer writes reports to stdout.
type printer struct {
	asJSON  bool
	columns int
	style   terminal.Style
}

func newPrinter(output string) *printer {
	p := &printer{asJSON: output == "json"}
	p.columns, p.style = talk.OutputStyle()
	return p
}

// marks are the words that a report begins with.
var marks = map[string]string{pass: "ok", warning: "warn", failure: "FAIL"}

const (
	markWidth = 6
	nameWidth = 11
	narrow    = 60 // columns, below which details are below the name
)

// one shows a report as text: a mark, the name, the details next to it, the fixes. What
// is to be pasted is on a line of its own, and is never broken.
func (p *printer) one(r report) error {
	if p.asJSON {
		return nil
	}
	var b strings.Builder
	mark := fmt.Sprintf("%-*s", markWidth, marks[r.outcome()])
	if p.style.Color && r.outcome() != pass {
		mark = "\x1b[1m" + mark + "\x1b[0m"
	}
	head, left := mark+fmt.Sprintf("%-*s", nameWidth, r.name), markWidth+nameWidth
	if p.columns < narrow {
		b.WriteString(strings.TrimRight(head, " ") + "\n")
		head, left = "", 2
	}
	indent := strings.Repeat(" ", left)
	line := func(text string) {
		if head == "" {
			head = indent
		}
		b.WriteString(head + text + "\n")
		head = ""
	}
	wrapped := func(text string) {
		text = oneLine(text)
		say, paste, _ := strings.Cut(text, ": sso-exec ")
		if left+utf8.RuneCountInString(text) <= p.columns {
			paste = ""
		} else if paste != "" {
			text = say + ":"
		}
		for _, l := range terminal.Wrap(text, 0, p.columns-left) {
			line(l)
		}
		if paste != "" {
			line("  sso-exec " + paste)
		}
	}
	for _, d := range r.details {
		wrapped(d)
	}
	for _, f := range r.fixes {
		if f.say != "" {
			colon := ""
			if f.paste != "" {
				colon = ":"
			}
			wrapped("fix: " + f.say + colon)
		}
		if f.paste != "" {
			if f.say == "" {
				line("fix:")
			}
			line("  " + oneLine(f.paste))
		}
	}
	_, err := os.Stdout.WriteString(b.String())
	return err
}

// end ends the output, and reports whether a check failed.
func (p *printer) end(list []report) (failed bool, err error) {
	count := map[string]int{}
	all := []jsonCheck{}
	for _, r := range list {
		count[r.outcome()]++
		all = append(all, r.json())
	}
	if p.asJSON {
		return count[failure] > 0, talk.PrintJSON(struct {
			Checks []jsonCheck `json:"checks"`
		}{all})
	}
	text := "Nothing is wrong."
	if n, m := count[failure], count[warning]; n+m > 0 {
		text = fmt.Sprintf("%s, %s.", counted(n, "failure"), counted(m, "warning"))
	}
	_, err = fmt.Fprintln(os.Stdout, text)
	return count[failure] > 0, err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
