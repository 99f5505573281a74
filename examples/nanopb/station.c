/* SPDX-License-Identifier: MIT */
/*
 * station.c - the methods of station.proto, for its server and its client.
 */
#include "station.h"

#include "nanopb_type.h"

static const weir_message_type measure_request =
    NANOPB_TYPE("station.MeasureRequest", station_MeasureRequest);
static const weir_message_type watch_request =
    NANOPB_TYPE("station.WatchRequest", station_WatchRequest);
static const weir_message_type reading = NANOPB_TYPE("station.Reading", station_Reading);

const weir_method station_measure = {
    .path = "/station.Station/Measure",
    .request = &measure_request,
    .response = &reading,
};

const weir_method station_watch = {
    .path = "/station.Station/Watch",
    .request = &watch_request,
    .response = &reading,
    .server_streaming = true,
};
