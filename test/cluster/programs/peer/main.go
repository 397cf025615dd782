// Command peer is what the tests' pods run: `serve` answers HTTP and echoes lines and datagrams, `get URL` asks once,
// `dial HOST:PORT` connects once, `knock HOST:PORT` does so 20 times a second and says when it was let in and when not, `datagram HOST:PORT` sends one and waits for its echo, `hold HOST:PORT` keeps one
// connection and says for each beat that it still carries, until it does not. It resolves no names: the node has no DNS.
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

	knockEvery    = 50 * time.Millisecond
	knockPatience = 300 * time.Millisecond
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
	case len(args) == 2 && args[0] == "dial":
		return dial(args[1])
	case len(args) == 2 && args[0] == "knock":
		return knock(args[1])
	case len(args) == 2 && args[0] == "datagram":
		return datagram(args[1])
	case len(args) == 2 && args[0] == "hold":
		return hold(args[1])
	}
	return errors.New("usage: peer serve | get URL | dial HOST:PORT | knock HOST:PORT | datagram HOST:PORT | hold HOST:PORT")
}

func serve() error {
	listener, err := net.Listen("tcp", echoAddress)
	if err != nil {
		return err
	}
	go echo(listener)
	packets, err := net.ListenPacket("udp", echoAddress)
	if err != nil {
		return err
	}
	go echoPackets(packets)
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

func echoPackets(packets net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		n, from, err := packets.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = packets.WriteTo(buffer[:n], from)
	}
}

func dial(address string) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	fmt.Println("ok")
	return conn.Close()
}

// Times are milliseconds since the epoch, of the moment when the connection was asked for.
func knock(address string) error {
	for {
		began := time.Now()
		conn, err := net.DialTimeout("tcp", address, knockPatience)
		if err != nil {
			fmt.Println("shut", began.UnixMilli())
		} else {
			fmt.Println("open", began.UnixMilli())
			conn.Close()
		}
		time.Sleep(knockEvery)
	}
}

func datagram(address string) error {
	conn, err := net.DialTimeout("udp", address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprint(conn, "ok"); err != nil {
		return err
	}
	buffer := make([]byte, 16)
	n, err := conn.Read(buffer)
	if err != nil {
		return err
	}
	fmt.Println(string(buffer[:n]))
	return nil
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
