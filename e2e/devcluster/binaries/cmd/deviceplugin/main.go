// Deviceplugin tells kubelet of GPUs that are not there, as NVIDIA's device plugin tells of those that are.
//
//	deviceplugin -count 4 -prefix GPU-node1- -broken FILE
//
// The file lists, a number a line, the GPUs that are unhealthy; it may appear and change at any time.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

const (
	resource = "nvidia.com/gpu"
	endpoint = "tidegate-gpu.sock"
	interval = 200 * time.Millisecond // between looks at the file and at kubelet
)

type plugin struct {
	api.UnimplementedDevicePluginServer
	count          int
	prefix, broken string
}

func main() {
	p := &plugin{}
	flag.IntVar(&p.count, "count", 0, "how many GPUs the node has")
	flag.StringVar(&p.prefix, "prefix", "GPU-", "what a GPU's id begins with; its number follows")
	flag.StringVar(&p.broken, "broken", "", "the file that lists unhealthy GPUs")
	flag.Parse()
	for {
		if err := p.serveOneKubelet(); err != nil {
			log.Print(err)
		}
		time.Sleep(interval)
	}
}

// serveOneKubelet returns when kubelet was started anew: it has forgotten its plugins then and removed their sockets.
func (p *plugin) serveOneKubelet() error {
	born, err := os.Stat(api.KubeletSocket)
	if err != nil {
		return err
	}
	path := api.DevicePluginPath + endpoint
	os.Remove(path)
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	api.RegisterDevicePluginServer(server, p)
	go server.Serve(listener)
	defer server.Stop()
	if err := register(); err != nil {
		return err
	}
	for {
		time.Sleep(interval)
		if now, err := os.Stat(api.KubeletSocket); err != nil || !os.SameFile(born, now) {
			return err
		}
	}
}

func register() error {
	connection, err := grpc.NewClient("unix://"+api.KubeletSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	request := &api.RegisterRequest{Version: api.Version, Endpoint: endpoint, ResourceName: resource}
	_, err = api.NewRegistrationClient(connection).Register(ctx, request)
	return err
}

func (p *plugin) devices() []*api.Device {
	text, _ := os.ReadFile(p.broken) // no file, no broken GPU
	broken := strings.Fields(string(text))
	devices := make([]*api.Device, p.count)
	for i := range devices {
		devices[i] = &api.Device{ID: fmt.Sprint(p.prefix, i), Health: api.Healthy}
		if slices.Contains(broken, strconv.Itoa(i)) {
			devices[i].Health = api.Unhealthy
		}
	}
	return devices
}

func (p *plugin) GetDevicePluginOptions(context.Context, *api.Empty) (*api.DevicePluginOptions, error) {
	return &api.DevicePluginOptions{}, nil
}

// ListAndWatch sends the list at once and whenever it changes.
func (p *plugin) ListAndWatch(_ *api.Empty, stream api.DevicePlugin_ListAndWatchServer) error {
	for sent := ""; ; time.Sleep(interval) {
		if err := stream.Context().Err(); err != nil {
			return err
		}
		devices := p.devices()
		if now := fmt.Sprint(devices); now != sent {
			if err := stream.Send(&api.ListAndWatchResponse{Devices: devices}); err != nil {
				return err
			}
			sent = now
		}
	}
}

// Allocate names the GPUs in the variable that NVIDIA's container toolkit reads.
func (p *plugin) Allocate(_ context.Context, q *api.AllocateRequest) (*api.AllocateResponse, error) {
	answer := &api.AllocateResponse{}
	for _, container := range q.ContainerRequests {
		visible := map[string]string{"NVIDIA_VISIBLE_DEVICES": strings.Join(container.DevicesIds, ",")}
		answer.ContainerResponses = append(answer.ContainerResponses, &api.ContainerAllocateResponse{Envs: visible})
	}
	return answer, nil
}
