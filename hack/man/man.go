// Package man writes manual pages in the macros of man(7). It knows nothing of
// sso-exec: a test of the command fills the pages from the help texts (see `make
// man`), so that none of this is in the binary.
package man

import (
	"bytes"
	"strings"
)

// A Page is a manual page of section 1. Texts are plain; what roff would take for
// its own is escaped.
type Page struct {
	Name     string // of the page: sso-exec-config-edit
	Short    string // one line
	Source   string // the program and its version
	Synopsis string
	Sections []Section
	SeeAlso  []string // names of pages of section 1
}

// A Section has a heading and, in this order, paragraphs, lines that stay as they
// are, and items.
type Section struct {
	Heading  string
	Text     string // lines that are indented stay as they are
	Verbatim string
	Groups   []Group
}

// A Group is a list of terms and what they mean, perhaps with a heading.
type Group struct {
	Heading string
	Items   [][2]string
}

// Bytes returns the page as roff.
func (p Page) Bytes() []byte {
	var b bytes.Buffer
	// Without a date: the same source makes the same page.
	b.WriteString(`.TH "` + quoted(strings.ToUpper(p.Name)) + `" 1 "" "` + quoted(p.Source) + `" "User Commands"` + "\n")
	b.WriteString(".nh\n.ad l\n")
	b.WriteString(".SH NAME\n" + escape(p.Name) + ` \- ` + escape(p.Short) + "\n")
	b.WriteString(".SH SYNOPSIS\n.B " + escape(p.Synopsis) + "\n")
	for _, s := range p.Sections {
		b.WriteString(".SH " + escape(strings.ToUpper(s.Heading)) + "\n")
		text(&b, s.Text)
		verbatim(&b, s.Verbatim)
		for _, g := range s.Groups {
			if g.Heading != "" {
				b.WriteString(".SS " + escape(g.Heading) + "\n")
			}
			for _, item := range g.Items {
				b.WriteString(".TP\n.B " + escape(item[0]) + "\n" + escape(item[1]) + "\n")
			}
		}
	}
	for i, name := range p.SeeAlso {
		if i == 0 {
			b.WriteString(".SH SEE ALSO\n")
		}
		comma := ""
		if i < len(p.SeeAlso)-1 {
			comma = " ,"
		}
		b.WriteString(".BR " + escape(name) + " (1)" + comma + "\n")
	}
	return b.Bytes()
}

// text writes paragraphs.
func text(b *bytes.Buffer, s string) {
	var lines string
	for line := range strings.Lines(strings.TrimSpace(s)) {
		if strings.HasPrefix(line, "  ") {
			lines += line
			continue
		}
		verbatim(b, lines)
		lines = ""
		if line = strings.TrimSpace(line); line == "" {
			b.WriteString(".PP\n")
		} else {
			b.WriteString(escape(line) + "\n")
		}
	}
	verbatim(b, lines)
}

// verbatim writes lines that are not filled.
func verbatim(b *bytes.Buffer, s string) {
	if strings.TrimSpace(s) == "" {
		return
	}
	b.WriteString(".PP\n.nf\n")
	for line := range strings.Lines(strings.Trim(s, "\n")) {
		b.WriteString(escape(strings.TrimRight(line, "\n")) + "\n")
	}
	b.WriteString(".fi\n")
}

// escape keeps roff from taking text for requests, and from making typographic
// signs of what somebody will paste into a shell.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", "...", "\n",
		" ").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}

// quoted is escape for an argument in double quotes.
func quoted(s string) string { return strings.ReplaceAll(escape(s), `"`, `\(dq`) }
