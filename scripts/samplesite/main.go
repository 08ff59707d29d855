// Command samplesite makes a small site to try aws with: samplesite DIR.
//
// Below DIR it writes static/ and dynamic/ with a page, a text, a picture and a file of 2 MiB.
// Some of dynamic/ are symbolic links into static/. Files that are there already are replaced.
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
)

const page = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>aws sample site</title>
<h1>It serves</h1>
<p>This page and the first picture left by <code>sendfile</code>, the second picture by asynchronous reads.</p>
<p><img src="/static/picture.png" alt="a sunset, by sendfile" width="320" height="200">
<img src="/dynamic/picture.png" alt="a sunset, by asynchronous reads" width="320" height="200"></p>
<ul>
<li><a href="/static/hello.txt">/static/hello.txt</a>, a text
<li><a href="/dynamic/hello.txt">/dynamic/hello.txt</a>, another one
<li><a href="/static/numbers.txt">/static/numbers.txt</a>, 2 MiB
<li><a href="/dynamic/numbers.txt">/dynamic/numbers.txt</a>, a symbolic link to it
<li><a href="/static/absent.txt">/static/absent.txt</a> does not exist
</ul>
</html>
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: samplesite DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "samplesite:", err)
		os.Exit(1)
	}
}

// write makes the site below root.
func write(root string) error {
	picture, err := sunset(640, 400)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"static/index.html":  []byte(page),
		"static/hello.txt":   []byte("Hello from static/, sent by sendfile.\n"),
		"static/numbers.txt": numbers(2 << 20),
		"static/picture.png": picture,
		"dynamic/hello.txt":  []byte("Hello from dynamic/, read by libaio.\n"),
	}
	for _, dir := range []string{"static", "dynamic"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o644); err != nil {
			return err
		}
	}
	for _, name := range []string{"numbers.txt", "picture.png"} {
		link := filepath.Join(root, "dynamic", name)
		if err := os.RemoveAll(link); err != nil {
			return err
		}
		if err := os.Symlink("../static/"+name, link); err != nil {
			return err
		}
	}
	return nil
}

// numbers counts, a line each, until the text is size bytes long, so that a byte lost or doubled
// on the way shows in the text itself.
func numbers(size int) []byte {
	var b bytes.Buffer
	for n := 1; b.Len() < size; n++ {
		fmt.Fprintf(&b, "%07d\n", n)
	}
	return b.Bytes()[:size]
}

// sunset paints a sun over the sea.
func sunset(width, height int) ([]byte, error) {
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	horizon := float64(height) * 0.62
	sunX, sunY, sunRadius := float64(width)*0.5, horizon*0.78, float64(height)*0.14
	for y := range height {
		for x := range width {
			fx, fy := float64(x), float64(y)
			depth := fy / horizon
			sky := color.RGBA{mix(38, 255, depth), mix(32, 150, depth*depth), mix(92, 80, depth), 255}
			switch {
			case fy >= horizon:
				depth = (fy - horizon) / (float64(height) - horizon)
				ripple := math.Sin(fy*0.9+math.Sin(fx*0.05)*3) * (0.2 + depth)
				glow := math.Exp(-math.Abs(fx-sunX)/(sunRadius*(0.6+depth))) * (0.7 + 0.3*ripple)
				sky = color.RGBA{mix(24, 255, glow), mix(36, 170, glow), mix(84, 90, glow), 255}
			case math.Hypot(fx-sunX, fy-sunY) < sunRadius:
				sky = color.RGBA{255, mix(236, 190, (fy-sunY+sunRadius)/(2*sunRadius)), 120, 255}
			}
			picture.SetRGBA(x, y, sky)
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, picture)
	return b.Bytes(), err
}

// mix goes from a to b as t goes from 0 to 1.
func mix(a, b, t float64) uint8 {
	t = min(max(t, 0), 1)
	return uint8(a + (b-a)*t)
}
