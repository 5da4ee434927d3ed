// Command texts prints what people read in this program, to be read through: messages,
// hints, help and pages, by the package that says them, each with its place. Words that
// are put in are shown as "…". From the top of the module:
//
//	go run ./hack/texts                      all of it
//	go run ./hack/texts internal/cli/setup   what is below a directory
package main

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// sentence is what is not a name, a path or a pattern.
var sentence = regexp.MustCompile(`(?i)[a-z,;:)"…] +[(“"…%a-z]`)

func main() {
	roots := os.Args[1:]
	if len(roots) == 0 {
		roots = []string{"apikey", "cache", "cmd", "credential", "flows", "internal", "plugin", "sso"}
	}
	for _, root := range roots {
		if err := filepath.WalkDir(root, directory); err != nil {
			fmt.Fprintln(os.Stderr, "texts:", err)
			os.Exit(1)
		}
	}
}

// directory prints the texts of the package in a directory.
func directory(dir string, d fs.DirEntry, err error) error {
	switch {
	case err != nil:
		return err
	case !d.IsDir():
		return nil
	case d.Name() == "testdata" || dir == filepath.Join("internal", "house"):
		return fs.SkipDir
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	about, texts := "", []string(nil)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		if file.Doc != nil {
			about = new(doc.Package).Synopsis(file.Doc.Text())
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Field: // whose tag is nobody's text
				return n.Tag == nil
			case *ast.CallExpr:
				called, ok := n.Fun.(*ast.SelectorExpr)
				return !ok || !strings.HasSuffix(called.Sel.Name, "Compile")
			case ast.Expr:
				text, whole := join(n)
				if !whole {
					return true
				}
				if sentence.MatchString(text) {
					place := set.Position(n.Pos())
					text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n\t")
					texts = append(texts, fmt.Sprintf("%s:%d\n\t%s\n", place.Filename, place.Line, text))
				}
				return false
			}
			return true
		})
	}
	if len(texts) > 0 {
		fmt.Printf("== %s\n\n%s\n", about, strings.Join(texts, ""))
	}
	return nil
}

var verb = regexp.MustCompile(`%[-+#0-9.\[\]]*[a-zA-Z]`)

// join is the text of a literal, or of several that are added up with something between
// them; whole is false for any other expression.
func join(e ast.Expr) (text string, whole bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return verb.ReplaceAllString(text, "…"), e.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, l := join(e.X)
		right, r := join(e.Y)
		if !l {
			left = "…"
		}
		if !r {
			right = "…"
		}
		return left + right, e.Op == token.ADD && (l || r)
	case *ast.ParenExpr:
		return join(e.X)
	}
	return "", false
}
