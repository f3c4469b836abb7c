// Runtime is a container runtime for kubelet (CRI) with no images, no cgroups and no root: a Pod is a network
// namespace, a container is a bubblewrap process over the machine's own files, an image is a row of a table.
// It may be killed at any time: its state is in a folder, and each container has a shim as its parent.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"google.golang.org/grpc"
	pb "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-streaming/pkg/streaming"
)

const name, version = "processes", "1.0.0"

// options are what a node's supervisor says on the command line.
type options struct {
	socket, folder, images, bwrap, podPrefix, streamAddress string
}

func main() {
	var o options
	flag.StringVar(&o.socket, "socket", "", "the Unix socket to serve the CRI on")
	flag.StringVar(&o.folder, "folder", "", "where state is kept")
	flag.StringVar(&o.images, "images", "", "the image table, a JSON file")
	flag.StringVar(&o.bwrap, "bwrap", "", "bubblewrap's program, an absolute path")
	flag.StringVar(&o.podPrefix, "pods", "", "the first three bytes of Pods' addresses, such as 10.244.1")
	flag.StringVar(&o.streamAddress, "streams", "", "the address that exec and port-forward are served on, host:port")
	flag.Parse()
	log.Fatal(serve(o))
}

func serve(o options) error {
	r, err := newRuntime(o)
	if err != nil {
		return err
	}
	config := streaming.DefaultConfig
	config.BaseURL = &url.URL{Scheme: "http", Host: o.streamAddress}
	if r.stream, err = streaming.NewServer(config, streams{r}); err != nil {
		return err
	}
	streamListener, err := net.Listen("tcp", o.streamAddress)
	if err != nil {
		return err
	}
	go func() { log.Fatal(http.Serve(streamListener, r.stream)) }()
	os.Remove(o.socket)
	listener, err := net.Listen("unix", o.socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	pb.RegisterRuntimeServiceServer(server, r)
	pb.RegisterImageServiceServer(server, r.images)
	return server.Serve(listener)
}

// shimProgram lies beside this one.
func shimProgram() (string, error) {
	self, err := os.Executable()
	return filepath.Join(filepath.Dir(self), "shim"), err
}

func (r *runtime) Version(context.Context, *pb.VersionRequest) (*pb.VersionResponse, error) {
	return &pb.VersionResponse{Version: "0.1.0", RuntimeName: name, RuntimeVersion: version, RuntimeApiVersion: "v1"}, nil
}

func (r *runtime) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	conditions := []*pb.RuntimeCondition{{Type: "RuntimeReady", Status: true}, {Type: "NetworkReady", Status: true}}
	return &pb.StatusResponse{Status: &pb.RuntimeStatus{Conditions: conditions}}, nil
}

func (r *runtime) RuntimeConfig(context.Context, *pb.RuntimeConfigRequest) (*pb.RuntimeConfigResponse, error) {
	return &pb.RuntimeConfigResponse{Linux: &pb.LinuxRuntimeConfiguration{CgroupDriver: pb.CgroupDriver_CGROUPFS}}, nil
}

func (r *runtime) UpdateRuntimeConfig(context.Context, *pb.UpdateRuntimeConfigRequest) (*pb.UpdateRuntimeConfigResponse, error) {
	return &pb.UpdateRuntimeConfigResponse{}, nil // only tells the Pods' CIDR, which the command line says
}
