// Command peer is what the tests' pods run: `serve` answers HTTP and echoes lines, `get URL` asks once, `hold HOST:PORT`
// keeps one connection and says for each beat that it still carries, until it does not. It resolves no names: the node has
// no DNS.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	httpAddress = ":8080"
	echoAddress = ":7777"
	patience    = 2 * time.Second
	beatEvery   = 200 * time.Millisecond
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serve()
	case len(args) == 2 && args[0] == "get":
		return get(args[1])
	case len(args) == 2 && args[0] == "hold":
		return hold(args[1])
	}
	return errors.New("usage: peer serve | get URL | hold HOST:PORT")
}

func serve() error {
	listener, err := net.Listen("tcp", echoAddress)
	if err != nil {
		return err
	}
	go echo(listener)
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	answer := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok", host, r.RemoteAddr) }
	return http.ListenAndServe(httpAddress, http.HandlerFunc(answer))
}

func echo(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			_, _ = io.Copy(conn, conn)
		}()
	}
}

func get(url string) error {
	client := http.Client{Timeout: patience}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

func hold(address string) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for beat := 0; ; beat++ {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(conn, beat); err != nil {
			return err
		}
		if _, err := reader.ReadString('\n'); err != nil {
			return err
		}
		fmt.Println("held", beat)
		time.Sleep(beatEvery)
	}
}
