import { RequestMethod, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { METHOD_METADATA, MODULE_PATH, PATH_METADATA, VERSION_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, type ApplicationConfig, type ModulesContainer } from '@nestjs/core';
import { RoutePathFactory } from '@nestjs/core/router/route-path-factory.js';

import { HYDRA_ROUTE } from './hydra-route.js';
import { hydraRoute } from './route-form.js';

type Version = string | typeof VERSION_NEUTRAL | (string | typeof VERSION_NEUTRAL)[] | undefined;
type Handler = (...args: never[]) => unknown;

/** What Express and Fastify route with Nest's `@All()`. */
const EVERY_VERB = ['get', 'post', 'put', 'patch', 'delete', 'options', 'head'];

/**
 * The HTTP routes of an application's controllers, in Hydra's form: with the global prefix and its exceptions, module paths
 * and URI versions, as Nest itself would register them. The paths are made by Nest's own factory, so that the two agree.
 */
export function controllerRoutes(modules: ModulesContainer, config: ApplicationConfig): readonly string[] {
  const routes = new Set<string>();
  for (const { controllers, metatype } of modules.values()) {
    const modulePath =
      read<string>(MODULE_PATH + modules.applicationId, metatype) ?? read(MODULE_PATH, metatype);
    for (const wrapper of controllers.values()) {
      if (typeof wrapper.metatype !== 'function') continue;
      for (const route of routesOf(wrapper.metatype as Type, modulePath, config)) routes.add(route);
    }
  }
  return [...routes];
}

function routesOf(controller: Type, modulePath: string | undefined, config: ApplicationConfig): string[] {
  const paths = [read<string | string[]>(PATH_METADATA, controller) ?? []].flat();
  const versioning = config.getVersioning();
  const prototype = controller.prototype as Record<string, Handler>;
  return new MetadataScanner().getAllMethodNames(prototype).flatMap((name) => {
    const handler = prototype[name]!;
    const method = read<RequestMethod>(METHOD_METADATA, handler);
    if (method === undefined || !isPublished(handler, controller)) return [];
    return paths.flatMap((ctrlPath) =>
      new RoutePathFactory(config)
        .create(
          {
            ctrlPath: withSlash(ctrlPath),
            methodPath: [read<string | string[]>(PATH_METADATA, handler) ?? '/']
              .flat()
              .map(withSlash) as never,
            modulePath: modulePath ?? '',
            globalPrefix: config.getGlobalPrefix(),
            ...versions(controller, handler, versioning?.defaultVersion, versioning !== undefined),
            ...(versioning && { versioningOptions: versioning }),
          },
          method,
        )
        .flatMap((path) => verbsOf(method).map((verb) => hydraRoute(verb, path))),
    );
  });
}

function versions(controller: Type, handler: Handler, fallback: Version, isVersioned: boolean): object {
  if (!isVersioned) return {};
  const controllerVersion = read<Version>(VERSION_METADATA, controller) ?? fallback;
  const methodVersion = read<Version>(VERSION_METADATA, handler);
  return { ...(controllerVersion && { controllerVersion }), ...(methodVersion && { methodVersion }) };
}

function isPublished(handler: Handler, controller: Type): boolean {
  return read<boolean>(HYDRA_ROUTE, handler) ?? read<boolean>(HYDRA_ROUTE, controller) ?? true;
}

function verbsOf(method: RequestMethod): readonly string[] {
  return method === RequestMethod.ALL ? EVERY_VERB : [RequestMethod[method]];
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}

function read<T>(key: string, target: object): T | undefined {
  return Reflect.getMetadata(key, target) as T | undefined;
}
