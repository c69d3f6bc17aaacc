/*
 * echo.cpp - an application in C++: echo LISTEN REDIS, until a client says "stop".
 *
 * Counts what each client says, and has the log's lines go through its own hands.
 */
#include <chanway/gateway.h>
#include <chanway/log.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace
{

class Application
{
  public:
    explicit Application(const cw_gateway_options &options)
    {
        std::string error(256, '\0');
        cw_gateway *gateway = nullptr;
        if (cw_gateway_create(&options, error.data(), error.size(), &gateway) != CW_OK)
            throw std::runtime_error(error.c_str());
        gateway_.reset(gateway);
        check(cw_gateway_on_connect(gateway, on_connect, this));
        check(cw_gateway_on_message(gateway, on_message, this));
        check(cw_gateway_on_disconnect(gateway, on_disconnect, this));
    }

    void run()
    {
        check(cw_gateway_run(gateway_.get()));
        if (!said_.empty())
            throw std::logic_error("not every disconnect was told");
    }

  private:
    static void check(int rc)
    {
        if (rc != CW_OK)
            throw std::runtime_error(cw_error_text(rc));
    }

    /* No exception may pass through the library: it is C. */
    static void send(cw_channel *channel, const std::string &text)
    {
        if (cw_channel_send_text(channel, cw_bytes_make(text.data(), text.size())) != CW_OK)
            cw_channel_close(channel, 1011, "it can't be answered", -1);
    }

    static void on_connect(void *self, cw_channel *channel)
    {
        static_cast<Application *>(self)->said_[cw_channel_uuid(channel)] = 0;
        send(channel, cw_channel_uuid(channel));
    }

    static void on_message(void *arg, cw_channel *channel, const cw_message *message)
    {
        auto *self = static_cast<Application *>(arg);
        const std::string text(message->payload.data, message->payload.size);
        if (text == "stop") {
            cw_gateway_stop(self->gateway_.get());
            return;
        }
        self->said_[cw_channel_uuid(channel)]++;
        send(channel, "you said " + text);
    }

    static void on_disconnect(void *self, cw_channel *channel, int code, const char *)
    {
        auto &said = static_cast<Application *>(self)->said_;
        std::cout << "gone " << cw_channel_uuid(channel) << ' ' << code << std::endl;
        said.erase(cw_channel_uuid(channel));
    }

    std::unique_ptr<cw_gateway, decltype(&cw_gateway_destroy)> gateway_{nullptr,
                                                                        cw_gateway_destroy};
    std::map<std::string, int> said_;
};

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    cw_log_init(CW_LOG_DEBUG, CW_LOG_JSON);
    cw_log_set_sink([](void *, const char *line,
                       std::size_t size) { std::cerr << "log: " << std::string(line, size); },
                    nullptr);

    cw_gateway_options options;
    cw_gateway_options_init(&options);
    options.listen = argv[1];
    options.admin_listen = "";
    options.redis = argv[2];
    options.on_ready = [](void *) { std::cout << "ready" << std::endl; };
    try {
        Application application(options);
        application.run();
    } catch (const std::exception &problem) {
        std::cerr << problem.what() << std::endl;
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
